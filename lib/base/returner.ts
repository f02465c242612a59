/**
 * Returner: what a class extends to put its private fields on objects that are there already.
 */

/** Its constructor returns the object that it is given, which then gets the fields of the class derived. */
export class Returner {
  constructor(target: object) {
    return target;
  }
}
