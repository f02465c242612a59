/**
 * Own options: what somebody asked for stands in the object that he gave. What its prototypes say is not
 * read: a program in which somebody could write to Object.prototype would else have its options set by him.
 */

/** The own properties of `options`, without a prototype; each is read once. */
export function ownOptions<T extends object>(options: T): T {
  return Object.assign(Object.create(null) as T, options);
}

/** An own property; undefined: there is none of that name. */
export function ownProperty(object: object, name: PropertyKey): unknown {
  return Object.hasOwn(object, name) ? (object as Record<PropertyKey, unknown>)[name] : undefined;
}
