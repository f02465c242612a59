/**
 * Own options: reads the own properties of an options object and never inherited ones. Otherwise whoever can
 * write to Object.prototype would set the options of the whole program.
 */

/** Constructor of objects that inherit nothing. V8 keeps them fast; objects of Object.create(null) are slow. */
const Bare = function () {
  // It has nothing of its own either.
} as unknown as new () => object;
(Bare as { prototype: object }).prototype = Object.freeze(Object.create(null) as object);

/** The own properties of `options`, without anything inherited; each is read once. */
export function ownOptions<T extends object>(options: T): T {
  return Object.assign(new Bare() as T, options);
}

/** An own property; undefined: there is none of that name. */
export function ownProperty(object: object, name: PropertyKey): unknown {
  return Object.hasOwn(object, name) ? (object as Record<PropertyKey, unknown>)[name] : undefined;
}
