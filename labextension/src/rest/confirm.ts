import type { IError } from './contract';
import { Refusal } from './refusal';

// The question changes with the price, the account and the state; each new one is asked again.
const MOST_QUESTIONS = 3;

/**
 * Send a request; where the server refuses it with a question, ask and send it again with the
 * answer. Return null if a person says no. `shown` is a question whose answer is the click itself.
 */
export async function confirmed<T>(
  request: (confirmed?: string) => Promise<T>,
  ask: (refused: IError) => Promise<boolean>,
  shown?: string
): Promise<T | null> {
  let question = shown;
  for (let asked = 0; ; asked++) {
    try {
      return await request(question);
    } catch (reason) {
      if (!(reason instanceof Refusal && reason.problem.question) || asked === MOST_QUESTIONS) {
        throw reason;
      }
      if (!(await ask(reason.problem))) {
        return null;
      }
      question = reason.problem.question;
    }
  }
}
