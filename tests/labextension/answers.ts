import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Client } from '../../labextension/src/rest/client';
import type { IInstance, IListing, IPrice, IRun } from '../../labextension/src/rest/contract';

export interface IRequest {
  method: string;
  path: string;
  body: unknown;
}

// JupyterLab's own bundle needs a browser.
const ENGLISH = {
  __: (text: string, ...values: unknown[]) => text.replace('%1', String(values[0]))
} as TranslationBundle;

type Answer = (request: IRequest) => { status: number; body: unknown } | undefined;

/** A client whose requests are answered here instead of by a Jupyter server. */
export function answeredBy(answer: Answer): { client: Client; requests: IRequest[] } {
  const requests: IRequest[] = [];
  const fetch = async (input: RequestInfo): Promise<Response> => {
    const request = input as Request;
    const { pathname, search } = new URL(request.url);
    // JupyterLab adds the time, against caches.
    const query = search.replace(/[?&]\d+$/, '');
    const path = `${pathname.replace('/hub/dl-magics/', '')}${query}`;
    const text = await request.text();
    const seen = { method: request.method, path, body: text ? (JSON.parse(text) as unknown) : null };
    requests.push(seen);
    const found = answer(seen);
    if (!found) {
      throw new TypeError('Failed to fetch');
    }
    const body = typeof found.body === 'string' ? found.body : JSON.stringify(found.body);
    return new Response(found.status === 204 ? null : body, { status: found.status });
  };
  const settings = ServerConnection.makeSettings({ baseUrl: 'http://127.0.0.1/hub/', fetch });
  return { client: new Client(settings, ENGLISH), requests };
}

export function refused(error: string, more: object = {}): { status: number; body: object } {
  return { status: 409, body: { error, message: `${error}.`, fix: 'Do this.', ...more } };
}

export function instance(change: Partial<IInstance> = {}): IInstance {
  return {
    id: 'i-00000000000000001',
    name: 'gpu',
    state: 'running',
    type: 'g4dn.xlarge',
    gpu: 'T4 16 GiB',
    ip: '203.0.113.7',
    zone: 'us-east-1a',
    launched_at: 0,
    seen_at: 3600,
    dollars_per_hour: 0.5,
    price_day: '2026-11-23',
    disk_gib: 100,
    spot: false,
    reason: '',
    ours: true,
    answers: true,
    costs_money: true,
    gone: false,
    seconds: 3600,
    dollars: 0.5,
    dollars_per_month: 8,
    month_dollars: 1.5,
    disk_day: '2026-11-24',
    practice: true,
    unfinished: null,
    guard: null,
    cells: {
      select: '%aws_get i-00000000000000001  # gpu',
      start: '%aws_start i-00000000000000001  # gpu',
      stop: '%aws_stop i-00000000000000001  # gpu',
      terminate: '%aws_terminate i-00000000000000001 -f  # gpu',
      connect: '%gpu_connect i-00000000000000001  # gpu',
      keep: '%aws_keep 1h i-00000000000000001  # gpu',
      ssh: '%aws_ssh -n i-00000000000000001'
    },
    ...change
  };
}

export function listing(change: Partial<IListing> = {}): IListing {
  return {
    place: {
      profile: 'practice',
      region: 'us-east-1',
      profile_and_region: 'practice · us-east-1',
      practice: true,
      own: true,
      cell: '%practice on\n%aws_region us-east-1'
    },
    summary: '',
    instances: [instance()],
    actions: [],
    age: 2,
    error: null,
    ...change
  };
}

export function run(change: Partial<IRun> = {}): IRun {
  return {
    name: '2026-11-26_072011_vgg16_dogscats',
    n: 1,
    status: 'running',
    headline: '',
    model: 'VGG16',
    data: 'data/dogscats',
    host: '',
    host_ids: [],
    dollars_per_hour: null,
    phase: 'features',
    unit: 'images',
    done: 1,
    total: 2,
    images_per_second: null,
    seconds_left: null,
    seconds: 1,
    dollars: null,
    budget: null,
    best: null,
    epochs: 0,
    started_at: 0,
    at: 1,
    error: '',
    fix: '',
    stopping: false,
    has_report: false,
    cells: { attach: '%attach', stop: '%attach --stop', resume: '%finetune --resume' },
    ...change
  };
}

export function price(change: Partial<IPrice> = {}): IPrice {
  return {
    type: 'g4dn.xlarge',
    gpu: 'T4 16 GiB',
    vcpus: 4,
    memory_gib: 16,
    dollars_per_hour: 0.526,
    price_day: '2026-11-23',
    spot_dollars_per_hour: null,
    vcpus_left: 8,
    cell: '',
    ...change
  };
}
