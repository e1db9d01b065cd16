// Refusals of the API. `code` is one of a closed list; `message` is for people, and may change.

import type { CombinedError } from 'urql';
import { w } from '../words';

export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly field?: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }

  static of(error: CombinedError | undefined): Refusal {
    const first = error?.graphQLErrors[0];
    if (first) {
      const { code, field, retryAfterSeconds } = first.extensions as {
        code?: string;
        field?: string;
        retryAfterSeconds?: number;
      };
      return new Refusal(code ?? 'INTERNAL', first.message, field, retryAfterSeconds);
    }
    const status = (error?.response as Response | undefined)?.status;
    if (status === 401) return new Refusal('UNAUTHENTICATED', w.errors.signedOut);
    if (status === 429) return new Refusal('RATE_LIMITED', w.errors.tooMany);
    if (error?.networkError && status === undefined) return new Refusal('OFFLINE', w.errors.offline);
    return new Refusal('UNAVAILABLE', w.errors.unavailable);
  }
}

/** What to tell a person of whatever was thrown. */
export function said(error: unknown): string {
  if (!(error instanceof Refusal)) return w.errors.unknown;
  const named: Partial<Record<string, string>> = w.errors.codes;
  if (error.code === 'RATE_LIMITED' && error.retryAfterSeconds) return w.errors.wait(error.retryAfterSeconds);
  return named[error.code] ?? error.message;
}
