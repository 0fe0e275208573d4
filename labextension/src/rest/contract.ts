/** What the server extension sends and accepts: the schemas of `dl_magics/server/openapi.yaml`. */

export type State =
  'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';
export type Verb = 'launch' | 'start' | 'stop' | 'resize' | 'terminate';

export interface IError {
  error: string;
  message: string;
  fix: string;
  question?: string;
  cell?: string;
}

export interface IInstance {
  id: string;
  name: string;
  state: State;
  type: string;
  gpu: string;
  ip: string | null;
  zone: string;
  launched_at: number;
  seen_at: number;
  dollars_per_hour: number | null;
  price_day: string;
  disk_gib: number;
  spot: boolean;
  reason: string;
  ours: boolean;
  answers: boolean;
  costs_money: boolean;
  gone: boolean;
  seconds: number;
  dollars: number | null;
  dollars_per_month: number | null;
  month_dollars: number | null;
  disk_day: string;
  practice: boolean;
  unfinished: { type: string; message: string } | null;
  guard: IGuard | null;
  cells: Record<'select' | 'start' | 'stop' | 'terminate' | 'connect' | 'keep' | 'ssh', string>;
}

export interface IGuard {
  armed: boolean;
  state: string;
  reason: string;
  stops_at: number | null;
}

export interface IAction {
  id: string;
  verb: Verb;
  began_at: number;
  message: string;
  cell: string;
}

export interface IPlace {
  profile: string;
  region: string | null;
  profile_and_region: string;
  practice: boolean;
  own: boolean;
  cell: string;
}

export interface IPlaceChoice extends IPlace {
  account: string | null;
  profiles: string[];
  regions: string[];
  error: IError | null;
}

export interface IPlaceSelection {
  profile: string | null;
  region?: string | null;
}

export interface IListing {
  place: IPlace;
  summary: string;
  instances: IInstance[];
  actions: IAction[];
  age: number;
  error: IError | null;
}

export interface ILaunch {
  type: string;
  name: string;
  disk_gib?: number;
  spot?: ISpot;
}

export interface ISpot {
  max_price?: number;
}

export interface ISshCommand {
  command: string;
}

export interface IPrice {
  type: string;
  gpu: string;
  vcpus: number;
  memory_gib: number;
  dollars_per_hour: number | null;
  price_day: string;
  spot_dollars_per_hour: number | null;
  vcpus_left: number | null;
  cell: string;
}

export interface IPrices {
  title: string;
  types: IPrice[];
}

export interface IElsewhere {
  regions: IRegion[];
  unread: string[];
}

export interface IRegion {
  region: string;
  running: number;
  dollars_per_hour: number | null;
  names: string[];
}

export interface IEpoch {
  epoch: number;
  logs: Record<string, number | null>;
  best: boolean;
}

export interface IRun {
  name: string;
  n: number;
  status: '' | 'running' | 'done' | 'stopped' | 'failed' | 'interrupted' | 'damaged';
  headline: string;
  model: string;
  data: string;
  host: string;
  host_ids: string[];
  dollars_per_hour: number | null;
  phase: string;
  unit: string;
  done: number;
  total: number;
  images_per_second: number | null;
  seconds_left: number | null;
  seconds: number;
  dollars: number | null;
  budget: number | null;
  best: IEpoch | null;
  epochs: number;
  started_at: number;
  at: number;
  error: string;
  fix: string;
  stopping: boolean;
  has_report: boolean;
  cells: Record<'attach' | 'stop' | 'resume', string>;
}

export interface IRuns {
  runs: IRun[];
}

export interface IKerasSettings {
  title: string;
  rows: IKerasRow[];
  remarks: string[];
  undo: string;
  changed: string[];
  cell: string;
}

export interface IKerasRow {
  name: string;
  value: string;
  source: string;
  choices: IKerasChoice[];
}

export interface IKerasChoice {
  value: string;
  why: string;
}

export interface IPractice {
  on: boolean;
  place: IPlace;
  faults: Record<string, string>;
  cell: string;
}

export interface INotice {
  kind: string;
  level: 'info' | 'success' | 'warning' | 'error';
  message: string;
  fix: string;
  at: number;
  instance: string | null;
  run: string | null;
}

export interface IQuestion {
  id: string;
  text: string;
  notebook: string;
  asked_at: number;
}

export interface IQuestions {
  questions: IQuestion[];
}
