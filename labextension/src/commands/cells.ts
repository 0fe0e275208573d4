import type { IPlace } from '../rest/contract';

export const LOAD = '%load_ext dl_magics';

/** A cell that acts in the place of the panel, in a notebook that may be in another one. */
export function placedCell(cell: string, place: IPlace | undefined): string {
  return [place?.cell, cell].filter(Boolean).join('\n');
}

/** The cells that load the magics, then do something: a cell magic begins a cell of its own. */
export function loadingCells(code: string): string[] {
  return code.startsWith('%%') ? [LOAD, code] : [`${LOAD}\n${code}`];
}
