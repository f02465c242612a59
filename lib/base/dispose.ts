/**
 * The symbol that `using` looks for. The first versions of Node 20 have none; a method under a symbol of our
 * own is in nobody's way there, and one under `undefined` would be.
 */
const known: symbol | undefined = (Symbol as { readonly dispose?: symbol }).dispose;

export const dispose: typeof Symbol.dispose = (known ??
  Symbol('Symbol.dispose')) as typeof Symbol.dispose;
