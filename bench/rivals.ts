// Rivals: ways to get a Buffer, each with the loop that plays a trace on it.
//
// Every rival has a loop of its own, written out, so that no rival pays for a call through a function
// value that another rival's types have made slow.

import { Arena } from 'hakmem-arena';
import type { Trace } from './cases';

export type Live = (Buffer | null)[];
export type Player = (trace: Trace, live: Live) => void;

function arenaPlayer(): Player {
  const arena = new Arena({ name: 'bench' });
  return ({ slots, sizes }, live) => {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const old = live[slot];
      if (old) {
        arena.free(old);
        live[slot] = null;
      } else {
        const buffer = arena.allocUnsafe(sizes[i]!);
        buffer[0] = 1;
        live[slot] = buffer;
      }
    }
  };
}

function allocUnsafePlayer(): Player {
  return ({ slots, sizes }, live) => {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (live[slot] !== null) {
        live[slot] = null;
      } else {
        const buffer = Buffer.allocUnsafe(sizes[i]!);
        buffer[0] = 1;
        live[slot] = buffer;
      }
    }
  };
}

function allocPlayer(): Player {
  return ({ slots, sizes }, live) => {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (live[slot] !== null) {
        live[slot] = null;
      } else {
        const buffer = Buffer.alloc(sizes[i]!);
        buffer[0] = 1;
        live[slot] = buffer;
      }
    }
  };
}

export const RIVALS: Readonly<Record<string, () => Player>> = {
  arena: arenaPlayer,
  'Buffer.allocUnsafe': allocUnsafePlayer,
  'Buffer.alloc': allocPlayer,
};
