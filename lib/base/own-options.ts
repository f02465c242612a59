/**
 * Own options: what somebody asked for stands in the object that he gave. What its prototypes say is not
 * read: a program in which somebody could write to Object.prototype would else have its options set by him.
 */

/** Makes objects that inherit nothing, of a shape that V8 keeps fast; those of Object.create(null) are not. */
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
