// The life of letters (csrc/letters/letters.h), tried in every order of its atomic steps.
//
// One arena with two blocks in one slab, a letter for each; an owner that offers, recalls, collects, resets and in
// the end destroys, and two borrowers that adopt any ticket that ever was and return what they have, or end, which is
// the same. Each step below is one atomic access of the C code together with what only its thread sees. `explore`
// visits every state that can be reached and returns what went wrong on the way.
//
//   node test/model/letters.mjs [MUTANT]      prints how many states there are, and the first thing that is wrong
//
// A mutant is the same with one rule broken, to show that the explorer would notice.

import { isProgram } from '../../tools/build/recipe.mjs';

export const MUTANTS = {
  'hold-dropped-before-push': 'the borrower lets go of the arena before it pushes the letter',
  'letters-hold-nothing': 'letters do not keep the record alive',
  'any-generation': 'adopting looks at the state alone, not at the generation',
  'adopt-in-two-steps': 'adopting looks first and writes then',
  'revoke-in-two-steps': 'a reset looks whether a letter is adopted and then takes it back anyhow',
  'reset-forgets-borrowers': 'a reset reuses a slab that has borrowers',
  'lost-for-ever': 'a lost slab is not put back with the last letter',
  'collect-one': 'the owner collects only the first letter of the stack that it has taken',
};

const [UNUSED, OFFERED, ADOPTED, RETURNED] = [0, 1, 2, 3];
const LETTERS = 2;
const BORROWERS = 2;
const NONE = -1;

const word = (generation, state) => generation * 4 + state;
const generationOf = (value) => value >> 2;
const stateOf = (value) => value & 3;

class Wrong extends Error {}

function fail(what) {
  throw new Wrong(what);
}

/** How much each thread does. */
const LIMITS = { ownerOperations: 5, adoptions: 2 };

function start({ ownerOperations, adoptions }) {
  return {
    word: [word(1, UNUSED), word(1, UNUSED)],
    /** Generation for which the plain fields of a letter were written. */
    fields: [0, 0],
    next: [NONE, NONE],
    head: NONE,
    holders: 1,
    ended: 0,
    isLost: 0,
    pins: 0,
    /** Blocks that are the owner's to hand over, and those that a borrower may use: by whom. */
    isOwned: [1, 1],
    user: [NONE, NONE],
    owner: { at: 'idle', letter: NONE, list: NONE, then: '', left: ownerOperations },
    borrowers: Array.from({ length: BORROWERS }, () => ({
      at: 'idle',
      letter: NONE,
      seen: NONE,
      left: adoptions,
    })),
  };
}

/** The record is used: it must be there. */
function touch(state) {
  if (state.ended > 0) fail('the record of the arena is used after its end');
}

/** The slab's memory becomes somebody else's. */
function reuseSlab(state) {
  if (state.user.some((user) => user !== NONE))
    fail('a slab is reused while a borrower has a block');
  state.isLost = 0;
  state.isOwned = [1, 1];
}

function end(state) {
  touch(state);
  for (let letter = state.head; letter !== NONE; letter = state.next[letter])
    endLetter(state, letter);
  state.head = NONE;
  if (state.pins !== 0) fail('the record ends while a slab is pinned');
  if (state.word.some((value) => stateOf(value) !== UNUSED))
    fail('the record ends before a letter');
  reuseSlab(state);
  state.ended++;
}

function dropHold(state) {
  touch(state);
  if (--state.holders === 0) end(state);
}

/** The owner ends a letter that was returned. */
function endLetter(state, letter, mutant) {
  if (stateOf(state.word[letter]) !== RETURNED) fail('a letter is collected that was not returned');
  if (state.user[letter] !== NONE) fail('a block is free while a borrower has it');
  state.pins--;
  if (!state.isLost) state.isOwned[letter] = 1;
  else if (state.pins === 0 && mutant !== 'lost-for-ever') reuseSlab(state);
  state.word[letter] = word(generationOf(state.word[letter]), UNUSED);
}

// --- The owner ----------------------------------------------------------------------------------

function idleOwner(state, successors) {
  const { owner } = state;
  const go = (change) => successors.push(change);
  if (owner.left === 0) {
    go((s) => Object.assign(s.owner, { at: 'take', then: 'destroy' }));
    return;
  }
  for (let letter = 0; letter < LETTERS; letter++) {
    const isUnused = stateOf(state.word[letter]) === UNUSED;
    if (isUnused && state.isOwned[letter] && !state.isLost) {
      go((s) => {
        touch(s);
        s.owner.left--;
        s.isOwned[letter] = 0;
        s.fields[letter] = generationOf(s.word[letter]) + 1;
        s.pins++;
        Object.assign(s.owner, { at: 'hold', letter });
      });
    }
    if (stateOf(state.word[letter]) === OFFERED) {
      go((s) => {
        s.owner.left--;
        Object.assign(s.owner, { at: 'recall', letter });
      });
    }
  }
  for (const then of ['idle', 'reset']) {
    go((s) => {
      s.owner.left--;
      Object.assign(s.owner, { at: 'take', then });
    });
  }
}

const ownerSteps = {
  hold(s, mutant) {
    if (mutant !== 'letters-hold-nothing') s.holders++;
    s.owner.at = 'publish';
  },
  publish(s) {
    const { letter } = s.owner;
    s.word[letter] = word(generationOf(s.word[letter]) + 1, OFFERED);
    s.owner.at = 'idle';
  },
  recall(s) {
    const { letter } = s.owner;
    const isOffered = stateOf(s.word[letter]) === OFFERED;
    if (isOffered) {
      s.word[letter] = word(generationOf(s.word[letter]), UNUSED);
      s.pins--;
      s.isOwned[letter] = 1;
    }
    s.owner.at = isOffered ? 'unhold' : 'idle';
    s.owner.then = 'idle';
  },
  unhold(s, mutant) {
    if (mutant !== 'letters-hold-nothing') dropHold(s);
    if (s.ended > 0) fail('the owner lets go of its own arena');
    s.owner.at = s.owner.then;
  },
  /** Takes the whole stack. */
  take(s) {
    touch(s);
    s.owner.list = s.head;
    s.head = NONE;
    s.owner.at = 'collect';
  },
  collect(s, mutant) {
    const { list, then } = s.owner;
    if (list === NONE) {
      s.owner.at = then === 'idle' ? 'idle' : 'revoke';
      s.owner.letter = 0;
      return;
    }
    s.owner.list = mutant === 'collect-one' ? NONE : s.next[list];
    endLetter(s, list, mutant);
  },
  revoke(s, mutant) {
    const { letter, then } = s.owner;
    if (letter === LETTERS) {
      s.owner.at = then === 'reset' ? 'reset' : 'destroy';
      return;
    }
    const isOffered = stateOf(s.word[letter]) === OFFERED;
    if (mutant === 'revoke-in-two-steps' && isOffered) {
      s.owner.at = 'revoke-blindly';
      return;
    }
    takeBack(s, isOffered, mutant);
  },
  'revoke-blindly'(s, mutant) {
    takeBack(s, true, mutant);
  },
  reset(s, mutant) {
    if (s.pins > 0 && mutant !== 'reset-forgets-borrowers') {
      s.isLost = 1;
      s.isOwned = [0, 0];
    } else {
      reuseSlab(s);
    }
    s.owner.at = 'idle';
  },
  destroy(s) {
    if (s.pins > 0) {
      s.isLost = 1;
      s.isOwned = [0, 0];
    }
    s.owner.at = 'over';
    dropHold(s);
  },
};

function takeBack(s, isTaken, mutant) {
  const { letter } = s.owner;
  if (isTaken) {
    s.word[letter] = word(generationOf(s.word[letter]), UNUSED);
    s.pins--;
    if (mutant !== 'letters-hold-nothing') s.holders--;
  }
  s.owner.letter = letter + 1;
  s.owner.at = 'revoke';
}

// --- A borrower ---------------------------------------------------------------------------------

/** A ticket that is, or ever was, one. */
function idleBorrower(state, b, successors, mutant) {
  if (state.borrowers[b].left === 0) return;
  for (let letter = 0; letter < LETTERS; letter++) {
    for (let generation = 2; generation <= generationOf(state.word[letter]); generation++) {
      successors.push((s) => adopt(s, b, letter, generation, mutant));
    }
  }
}

function adopt(s, b, letter, generation, mutant) {
  const value = s.word[letter];
  const isOffered = stateOf(value) === OFFERED;
  const isRight = generationOf(value) === generation || mutant === 'any-generation';
  if (!isOffered || !isRight) return false;
  const borrower = s.borrowers[b];
  borrower.left--;
  borrower.letter = letter;
  borrower.seen = generation;
  if (mutant === 'adopt-in-two-steps') borrower.at = 'write';
  else become(s, b);
  return true;
}

/** From here on the block is the borrower's. */
function become(s, b) {
  const { letter, seen } = s.borrowers[b];
  s.word[letter] = word(generationOf(s.word[letter]), ADOPTED);
  if (s.fields[letter] !== seen) fail('a ticket leads to what another was for');
  if (s.user[letter] !== NONE) fail('two borrowers have one block');
  if (s.isOwned[letter]) fail('a borrower has a block of the owner');
  s.user[letter] = b;
  s.borrowers[b].at = 'has';
}

const borrowerSteps = {
  write: (s, b) => become(s, b),
  has(s, b, mutant) {
    const borrower = s.borrowers[b];
    const { letter } = borrower;
    if (stateOf(s.word[letter]) !== ADOPTED) fail('a borrower lost its letter');
    s.word[letter] = word(generationOf(s.word[letter]), RETURNED);
    s.user[letter] = NONE;
    borrower.at = mutant === 'hold-dropped-before-push' ? 'drop-early' : 'look';
  },
  'drop-early'(s, b) {
    dropHold(s);
    s.borrowers[b].at = 'look';
  },
  look(s, b) {
    touch(s);
    const borrower = s.borrowers[b];
    borrower.seen = s.head;
    s.next[borrower.letter] = s.head;
    borrower.at = 'push';
  },
  push(s, b, mutant) {
    touch(s);
    const borrower = s.borrowers[b];
    const isSame = s.head === borrower.seen;
    if (isSame) s.head = borrower.letter;
    const isOver = mutant === 'hold-dropped-before-push' || mutant === 'letters-hold-nothing';
    borrower.at = !isSame ? 'look' : isOver ? 'idle' : 'drop';
  },
  drop(s, b) {
    dropHold(s);
    s.borrowers[b].at = 'idle';
  },
};

// --- The explorer -------------------------------------------------------------------------------

function stepsOf(state, mutant) {
  const steps = [];
  if (state.owner.at === 'idle') idleOwner(state, steps);
  else if (state.owner.at !== 'over') steps.push((s) => ownerSteps[s.owner.at](s, mutant));
  state.borrowers.forEach((borrower, b) => {
    if (borrower.at === 'idle') idleBorrower(state, b, steps, mutant);
    else steps.push((s) => borrowerSteps[borrower.at](s, b, mutant));
  });
  return steps;
}

/** Of the owner between two operations, and of the end: a borrower that is idle may as well have ended. */
function checkState(state) {
  if (state.owner.at === 'idle' && state.isLost && state.pins === 0)
    fail('a slab is lost, and nobody has a block of it');
  if (state.owner.at !== 'over' || state.borrowers.some(({ at }) => at !== 'idle')) return;
  if (state.ended !== 1) fail(`the record has ended ${state.ended} times when everybody has left`);
}

/** Every state is visited once. `wrong`: the first thing that is, if anything is. */
export function explore({ mutant = '', limits = LIMITS } = {}) {
  const begin = JSON.stringify(start(limits));
  const seen = new Set([begin]);
  const waiting = [begin];
  const result = { states: 0, ends: 0, wrong: undefined };
  try {
    while (waiting.length > 0) {
      const text = waiting.pop();
      const state = JSON.parse(text);
      result.states++;
      checkState(state);
      if (state.ended > 0) result.ends++;
      for (const step of stepsOf(state, mutant)) {
        const next = JSON.parse(text);
        if (step(next) === false) continue;
        const nextText = JSON.stringify(next);
        if (seen.has(nextText)) continue;
        seen.add(nextText);
        waiting.push(nextText);
      }
    }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    result.wrong = error.message;
  }
  return result;
}

if (isProgram(import.meta.url)) {
  const { states, ends, wrong } = explore({ mutant: process.argv[2] });
  console.log(`${states} states, ${ends} after the end: ${wrong ?? 'nothing is wrong'}`);
  process.exitCode = wrong === undefined ? 0 : 1;
}
