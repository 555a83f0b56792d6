/** Milliseconds that Retry-After asks for: seconds or an HTTP date; 0 when it says neither. `now` is in milliseconds since the epoch. */
export function retryAfterOf(header: string | undefined, now: number): number {
  if (header === undefined) {
    return 0;
  }
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, milliseconds);
}
