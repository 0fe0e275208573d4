/**
 * The choices of a setting, and what a key or a text does to them.
 *
 * @typedef {{value: string, why: string}} Choice
 * @typedef {{name: string, value: string, source: string, now: string, choices: Choice[]}} Row
 */

const MOVES = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'];

/**
 * The text of an option: its value, and the reason it cannot be selected.
 *
 * @param {Choice} choice
 */
export function label(choice) {
  return choice.why ? `${choice.value} (${choice.why})` : choice.value;
}

/**
 * The choices of a row; an unknown current value comes first, so that it can be shown.
 *
 * @param {Row} row
 * @returns {Choice[]}
 */
export function offered(row) {
  const known = row.choices.some(choice => choice.value === row.value);
  return known ? row.choices : [{ value: row.value, why: '' }, ...row.choices];
}

/**
 * Whether a text is a positive number, as Keras requires for epsilon.
 *
 * @param {string} text
 */
export function isSmallNumber(text) {
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) && number > 0;
}

/**
 * Whether a key goes through the choices of a closed list without choosing one.
 *
 * @param {string} key
 */
export function isMove(key) {
  return MOVES.includes(key) || (key.length === 1 && key !== ' ');
}
