/** Gives callers their turn, so many for each round of the event loop, in the order of their calls. */
function createTurns(atOnce: number): () => Promise<void> {
  const waiting: (() => void)[] = [];
  let isServing = false;
  const serve = (): void => {
    const [first, ...others] = waiting.splice(0, atOnce);
    isServing = waiting.length > 0;
    if (isServing) setImmediate(serve);
    // A callback each: what waits for one of them goes on before the next.
    for (const resolve of others) setImmediate(resolve);
    first?.();
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (isServing) return;
      isServing = true;
      setImmediate(serve);
    });
}

/**
 * Resolves when it is this caller's turn: one caller for each round of the event loop, so that between any two pieces of work everything that has
 * arrived meanwhile is answered. To be awaited before work that takes milliseconds; costs some microseconds when nobody else waits.
 */
export const nextTurn = createTurns(1);

/** The same for work that takes a part of a millisecond and that many may want to do at the same moment: a few callers for each round. */
export const nextTurnOfMany = createTurns(8);
