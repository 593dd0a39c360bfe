/** The server's answers. */

/** What the server said was wrong, as a sentence. */
export class Trouble extends Error {}

/**
 * @param {string} path below /api/
 * @returns {Promise<any>} the answer; null where nothing changed
 * @throws {Trouble}
 */
async function ask(path, signal) {
  let answer, body;
  try {
    answer = await fetch(`/api/${path}`, { headers: { Accept: "application/json" }, credentials: "same-origin", signal });
    if (answer.status === 304) return null;
    body = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error instanceof SyntaxError) throw new Trouble(`The server answered ${answer.status} with something that cannot be read.`);
    throw new Trouble("The dashboard's server does not answer: was it stopped?");  // not at all, or not to its end
  }
  if (!answer.ok) throw new Trouble(String(body.error ?? `The server answered ${answer.status}.`));
  return body;
}

const part = encodeURIComponent;

export const api = {
  runs: async () => (await ask("runs")).runs,
  summary: (run) => ask(`runs/${part(run)}`),
  trials: (run, since) => ask(`runs/${part(run)}/trials${since === undefined ? "" : `?since=${part(since)}`}`),
  history: (run) => ask(`runs/${part(run)}/history`),
  trial: (run, name, signal) => ask(`runs/${part(run)}/trials/${part(name)}`, signal),
  diff: (run, name, other) => ask(`runs/${part(run)}/trials/${part(name)}/diff/${part(other)}`),
  items: (run, name, task, against, only, offset) =>
    ask(`runs/${part(run)}/trials/${part(name)}/items/${part(task)}?against=${part(against)}&only=${only}&offset=${offset}`),
  importance: async (run) => (await ask(`runs/${part(run)}/importance`)).objectives,
  verdict: (run) => ask(`runs/${part(run)}/verdict`),
  certainty: (run) => ask(`runs/${part(run)}/certainty`),
  /** @param {string} how @param {[string, string, number][]} limits of at_least or at_most, objective, value */
  choose: (run, how, limits, signal) => ask(`runs/${part(run)}/choose?${new URLSearchParams(
    [["how", how], ...limits.map(([kind, name, value]) => [kind, `${name}:${value}`])])}`, signal),
  compare: (ids) => ask(`compare?runs=${part(ids.join(","))}`),
};
