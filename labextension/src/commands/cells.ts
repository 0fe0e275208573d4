import type { IInstance, IPlace } from '../rest/contract';

/**
 * The cell that connects a notebook to an instance. A notebook does not follow the panel where that
 * has a place of its own: the cell then selects it first.
 */
export function connectCell(instance: IInstance, place: IPlace | undefined): string {
  return [...(place?.own ? selectPlace(place) : []), instance.cells.connect].join('\n');
}

function selectPlace(place: IPlace): string[] {
  if (place.practice) {
    return ['%practice on'];
  }
  const region = place.region ? [`%aws_region ${place.region}`] : [];
  return [`%aws_profile ${place.profile}`, ...region];
}
