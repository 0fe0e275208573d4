/**
 * What can be done with an instance, and what is said of it.
 *
 * @typedef {{id: string, name: string, state: string, type: string, gpu: string,
 *   ip: string | null, price: string, disk: string, month: string, start: string,
 *   dollars_per_hour: number | null, seconds: number}} Row
 * @typedef {'start' | 'stop' | 'keep' | 'connect' | 'resize'} Action
 */

/** @type {Record<Action, string[]>} */
export const CAN = {
  start: ['stopped'],
  stop: ['pending', 'running'],
  keep: ['running'],
  connect: ['running'],
  resize: ['stopped', 'running']
};
/** What costs nothing that was not agreed to before: it is not confirmed. */
export const UNASKED = ['connect', 'keep'];
const LEAST_SECONDS = 60;

/**
 * Return what an instance has cost since its start.
 *
 * @param {Row} row
 * @param {number} later seconds since the row was read
 */
export function cost(row, later) {
  if (row.dollars_per_hour === null) {
    return 'unknown';
  }
  if (!['pending', 'running'].includes(row.state)) {
    return '$0.00';
  }
  const dollars = (row.dollars_per_hour * Math.max(row.seconds + later, LEAST_SECONDS)) / 3600;
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;
}

/**
 * Return the question that confirms an action, with its cost.
 *
 * @param {Row} row
 * @param {Action} action
 * @param {string} type
 * @param {Record<string, string>} types
 * @param {string} account
 */
export function question(row, action, type, types, account) {
  if (action === 'start') {
    return row.start;
  }
  if (action === 'stop') {
    return `Stop ${row.name} in ${account}: its disk still costs ${row.disk}`;
  }
  const price = types[type] ?? 'price unknown';
  return type ? `Change ${row.name} to ${type} in ${account}: ${price} while it runs` : '';
}

/**
 * Return the text of a type in the list of new types: with its GPU, price and day.
 *
 * @param {string} type
 * @param {Record<string, string>} types
 */
export function optionText(type, types) {
  return type ? `${type} · ${types[type]}` : 'Select a type';
}

/**
 * Return what is said of a click that the kernel has not received.
 *
 * @param {Row} row
 * @param {Action} action
 * @param {boolean} acts whether the kernel is still there
 */
export function waitingNote(row, action, acts) {
  return acts
    ? `${action}: waiting for the kernel, which may be running a cell.`
    : `The kernel did not receive “${action}”: %aws_list shows the state of ${row.name}.`;
}

/**
 * Return the text of an action's button.
 *
 * @param {Action} action
 */
export function label(action) {
  if (action === 'keep') {
    return 'Keep for an hour';
  }
  return action[0].toUpperCase() + action.slice(1);
}
