import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as contract from './contract';
import { Refusal } from './refusal';

const ROOT = 'dl-magics';
const NO_CONTENT = 204;

/** The requests to the server extension, below `dl-magics/`. Each raises a `Refusal`. */
export class Client {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _trans: TranslationBundle
  ) {}

  listInstances(fresh = false): Promise<contract.IListing> {
    return this._send('GET', fresh ? 'instances?fresh=true' : 'instances');
  }

  launchInstance(launch: contract.ILaunch, confirmed?: string): Promise<contract.IInstance> {
    return this._send('POST', 'instances', withConfirmation(launch, confirmed));
  }

  /** Start, stop, resize or terminate an instance. */
  change(
    id: string,
    verb: Exclude<contract.Verb, 'launch'>,
    body: object,
    confirmed?: string
  ): Promise<contract.IAction> {
    return this._send('POST', `instances/${id}/${verb}`, withConfirmation(body, confirmed));
  }

  /** Keep an idle instance running for an hour. */
  keepInstance(id: string): Promise<contract.IInstance> {
    return this._send('POST', `instances/${id}/keep`, { minutes: 60 });
  }

  readSshCommand(id: string): Promise<contract.ISshCommand> {
    return this._send('GET', `instances/${id}/ssh`);
  }

  listPrices(): Promise<contract.IPrices> {
    return this._send('GET', 'prices');
  }

  listElsewhere(fresh = false): Promise<contract.IElsewhere> {
    return this._send('GET', fresh ? 'elsewhere?fresh=true' : 'elsewhere');
  }

  readPlace(): Promise<contract.IPlaceChoice> {
    return this._send('GET', 'place');
  }

  selectPlace(selection: contract.IPlaceSelection): Promise<contract.IPlace> {
    return this._send('PUT', 'place', selection);
  }

  listRuns(): Promise<contract.IRuns> {
    return this._send('GET', 'runs');
  }

  stopRun(name: string): Promise<contract.IRun> {
    return this._send('POST', `runs/${encodeURIComponent(name)}/stop`);
  }

  reportUrl(name: string): string {
    return this._url(`runs/${encodeURIComponent(name)}/report`);
  }

  listQuestions(): Promise<contract.IQuestions> {
    return this._send('GET', 'questions');
  }

  /** Answer a question; its text is sent too, so that another one is not answered. */
  answerQuestion({ id, text }: contract.IQuestion, yes: boolean): Promise<void> {
    return this._send('POST', `questions/${id}/answer`, { yes, text });
  }

  readKerasSettings(): Promise<contract.IKerasSettings> {
    return this._send('GET', 'keras-settings');
  }

  writeKerasSettings(change: Record<string, string | number>): Promise<contract.IKerasSettings> {
    return this._send('PUT', 'keras-settings', change);
  }

  undoKerasSettings(confirmed?: string): Promise<contract.IKerasSettings> {
    return this._send('POST', 'keras-settings/undo', withConfirmation({}, confirmed));
  }

  switchPractice(on: boolean, confirmed?: string): Promise<contract.IPractice> {
    return this._send('PUT', 'practice', withConfirmation({ on }, confirmed));
  }

  private _url(path: string): string {
    return `${URLExt.join(this._settings.baseUrl, ROOT)}/${path}`;
  }

  private async _send<T>(method: string, path: string, body?: object): Promise<T> {
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        this._url(path),
        body ? { method, body: JSON.stringify(body) } : { method },
        this._settings
      );
    } catch {
      throw Refusal.of(
        'NoAnswer',
        this._trans.__('The Jupyter server does not answer.'),
        this._trans.__('Check that it is running: its terminal shows what happened.')
      );
    }
    const text = await response.text();
    const answer = parse(text);
    if (response.ok && (answer !== null || response.status === NO_CONTENT)) {
      return answer as T;
    }
    if (isError(answer)) {
      throw new Refusal(answer);
    }
    throw this._foreign(response);
  }

  /** What another part of the Jupyter server answers, or a proxy in front of it. */
  private _foreign(response: Response): Refusal {
    if (response.status === 404) {
      return Refusal.of(
        'NotEnabled',
        this._trans.__('The server extension dl_magics is not enabled in this Jupyter server.'),
        this._trans.__('In a terminal: jupyter server extension enable dl_magics')
      );
    }
    const found = `${response.status} ${response.statusText}`;
    return Refusal.of(
      'NoAnswer',
      this._trans.__('The Jupyter server answered: %1', found),
      this._trans.__('Reload the page; log in again if Jupyter asks for it.')
    );
  }
}

function withConfirmation(body: object, confirmed?: string): object {
  return confirmed === undefined ? body : { ...body, confirmed };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isError(answer: unknown): answer is contract.IError {
  return typeof answer === 'object' && answer !== null && 'error' in answer && 'fix' in answer;
}
