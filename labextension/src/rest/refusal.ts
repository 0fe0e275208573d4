import type { IError } from './contract';

/** An expected failure in two lines, as magics show it: what happened, and what to do next. */
export class Refusal extends Error {
  constructor(readonly problem: IError) {
    super(problem.message);
  }

  /** The failure of a request that did not reach the server extension, or that it did not answer. */
  static of(error: string, message: string, fix: string): Refusal {
    return new Refusal({ error, message, fix });
  }
}

/** The two lines of any failure. */
export function toProblem(reason: unknown): IError {
  return reason instanceof Refusal
    ? reason.problem
    : { error: '', message: reason instanceof Error ? reason.message : String(reason), fix: '' };
}
