import cluster from 'node:cluster';
import type { Answer, Asked, Counted, Question } from './messages.js';

/** Whether this process is one of several that share a port, and another one watches over them. */
export const isWorker = cluster.isWorker;

/** How the log tells the workers apart; undefined where there is but one process. */
export const workerId = cluster.worker?.id;

const waiting = new Map<number, (answer: Answer) => void>();
let asked = 0;

/** Counts each of `keys` once more, for all workers. */
export async function countInPrimary(keys: readonly string[]): Promise<readonly Counted[]> {
  return (await ask({ count: keys })).counted!;
}

/** The metrics of all workers, in Prometheus's text format. @throws Error if one of them does not tell */
export async function metricsOfAll(): Promise<string> {
  return (await ask({ metrics: true })).metrics!;
}

// An answer always comes: a worker does not outlive the primary.
function ask(question: Question): Promise<Answer> {
  if (asked === 0) process.on('message', hear);
  const number = ++asked;
  return new Promise((resolve, reject) => {
    waiting.set(number, (answer) =>
      answer.failed === undefined ? resolve(answer) : reject(new Error(answer.failed)),
    );
    process.send!({ ...question, ask: number } satisfies Asked);
  });
}

function hear(message: Partial<Answer>): void {
  const { answers } = message;
  if (answers === undefined) return;
  waiting.get(answers)?.(message as Answer);
  waiting.delete(answers);
}
