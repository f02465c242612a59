// Packages without types: as much of them as rivals.ts uses.

declare module 'malloc' {
  class Allocator {
    constructor(memory: ArrayBuffer);
    /** An offset, or 0. */
    alloc(bytes: number): number;
    free(offset: number): number;
  }
  export = Allocator;
}

declare module 'typedarray-pool' {
  export function mallocUint8(length: number): Uint8Array;
  export function freeUint8(view: Uint8Array): void;
}
