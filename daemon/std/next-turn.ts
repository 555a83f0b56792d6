const waiting: (() => void)[] = [];

function serve(): void {
  const next = waiting.shift();
  if (waiting.length > 0) setImmediate(serve);
  next?.();
}

/**
 * Resolves when it is this caller's turn: one caller for each round of the event loop, so that between any two pieces of work everything that has
 * arrived meanwhile is answered. To be awaited before work that takes milliseconds; costs some microseconds when nobody else waits.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(serve);
  });
}

const crowd: (() => void)[] = [];
let isAdmitting = false;

/** Callers of `nextTurnOfMany` for each round. */
const AT_ONCE = 8;

function admit(): void {
  const some = crowd.splice(0, AT_ONCE);
  isAdmitting = crowd.length > 0;
  if (isAdmitting) setImmediate(admit);
  // A callback each: what waits for one of them goes on before the next.
  for (const resolve of some) setImmediate(resolve);
}

/** The same for work that takes a part of a millisecond and that many may want to do at the same moment: a few callers for each round. */
export function nextTurnOfMany(): Promise<void> {
  return new Promise((resolve) => {
    crowd.push(resolve);
    if (isAdmitting) return;
    isAdmitting = true;
    setImmediate(admit);
  });
}
