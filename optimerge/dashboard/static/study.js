/** A run's trials as the page looks at them: kinds, values, what lies where. */

import { digitsOf } from "./format.js";

/** @typedef {"parent"|"front"|"dominated"|"infeasible"|"pruned"|"failed"|"running"|"waiting"} Kind */
/** @typedef {{name: string, direction: string, task: boolean}} Objective */

export class Study {
  /** @param {any} columns the answer of /trials @param {Objective[]} objectives @param {{name: string, direction: string}[]} [others] scores that are not optimised */
  constructor(columns, objectives, others = []) {
    this.others = others;
    /** @type {Map<string, number>} */
    this.digitsKnown = new Map();
    this.version = columns.version;
    this.columns = columns.trials;
    this.objectives = objectives;
    /** @type {{name: string, about: string, search: Object, test: Object, stderr: Object}[]} */
    this.size = this.columns.name.length;
    this.index = new Map(this.columns.name.map((name, at) => [name, at]));
    this.baselines = this.#marked(columns.baselines ?? []);
    /** By name of a member; told later than the rest. @type {Object<string, ?number>} */
    this.chances = {};
    /** @type {Kind[]} */
    this.kinds = this.columns.name.map((_, at) => this.#kind(at));
    this.hasTest = Object.values(this.columns.test ?? {}).some((column) => column.some((value) => value !== null));
  }

  /** Parents, which are trials, and the baselines that were tested, as one list. */
  #marked(baselines) {
    const names = Object.keys(this.columns.scores ?? {});
    const of = (columns, at) => Object.fromEntries(names.map((name) => [name, columns?.[name]?.[at] ?? null]));
    const parents = this.columns.name.flatMap((name, at) => (this.columns.parent[at] && this.columns.state[at] === "complete" ? [{ name, about: name === "base" ? "the base" : "a parent",
      search: of(this.columns.scores, at), stderr: of(this.columns.stderr, at), test: of(this.columns.test, at), test_stderr: of(this.columns.test_stderr, at) }] : []));
    return [...parents, ...baselines.filter((each) => !this.index.has(each.name))];
  }

  #kind(at) {
    const { state, on_front, feasible, parent } = this.columns;
    if (parent[at] && state[at] === "complete") return "parent";
    if (state[at] !== "complete") return state[at];
    if (feasible[at] === false) return "infeasible";
    return on_front[at] ? "front" : "dominated";
  }

  /** Indexes of the trials of a kind. @param {Kind} kind */
  of(kind) {
    const found = [];
    for (let at = 0; at < this.size; at++) if (this.kinds[at] === kind) found.push(at);
    return found;
  }

  /** @param {number} at @param {string} objective @param {string} scores search or test @returns {?number} */
  value(at, objective, scores = "search") {
    const columns = scores === "test" ? this.columns.test : this.columns.scores;
    return columns?.[objective]?.[at] ?? null;
  }

  /** @returns {?number} */
  error(at, objective, scores = "search") {
    const columns = scores === "test" ? this.columns.test_stderr : this.columns.stderr;
    return columns?.[objective]?.[at] ?? null;
  }

  /** Digits after the point of a score, the same wherever it is shown. @param {string} name */
  digits(name) {
    if (!this.digitsKnown.has(name)) {
      const { scores, stderr, test, test_stderr } = this.columns;
      const errors = [...(stderr?.[name] ?? []), ...(test_stderr?.[name] ?? [])];
      this.digitsKnown.set(name, digitsOf(errors, [...(scores?.[name] ?? []), ...(test?.[name] ?? [])]));
    }
    return this.digitsKnown.get(name);
  }

  /** The objectives of which a mean makes sense: tasks where more is better. */
  get tasks() {
    return this.objectives.filter((each) => each.task && each.direction !== "minimize").map((each) => each.name);
  }

  /** The mean of the tasks with its error; null if a task is missing. @returns {?[number, number]} */
  mean(at, scores = "search") {
    const { tasks } = this, values = tasks.map((name) => this.value(at, name, scores));
    if (!tasks.length || values.includes(null)) return null;
    const square = tasks.reduce((sum, name) => sum + (this.error(at, name, scores) ?? 0) ** 2, 0);
    return [values.reduce((sum, each) => sum + each, 0) / tasks.length, Math.sqrt(square) / tasks.length];
  }

  /** @param {string} name @returns {Objective|undefined} */
  objective(name) {
    return this.objectives.find((each) => each.name === name);
  }

  /** 1 where more is better, -1 where less is. @param {string} name */
  up(name) {
    return this.objective(name)?.direction === "minimize" ? -1 : 1;
  }

  /** Members of the front, in the order of an objective. @param {string} objective */
  members(objective) {
    return this.columns.name.map((_, at) => at).filter((at) => this.columns.on_front[at]).sort((a, b) => (this.value(a, objective) ?? 0) - (this.value(b, objective) ?? 0));
  }

  /** Names of the parameters that take more than one value. */
  parameters() {
    return Object.keys(this.columns.params ?? {}).filter((name) => {
      const column = this.columns.params[name].filter((value) => value !== null);
      return column.some((value) => value !== column[0]);
    });
  }

  /** What no other point beats in these two, from left to right. @param {[number, number, any][]} points */
  stairs(points, x, y) {
    const a = this.up(x), b = this.up(y);
    const sorted = [...points].sort((p, q) => a * (q[0] - p[0]) || b * (q[1] - p[1]));
    const kept = [];
    let best = -Infinity;
    for (const point of sorted) if (b * point[1] > best) { best = b * point[1]; kept.push(point); }
    return kept.sort((p, q) => p[0] - q[0]);
  }
}
