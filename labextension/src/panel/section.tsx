import { ReactWidget } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { Suspense } from 'react';

/** A part of the panel, drawn again whenever one of the signals is emitted. */
export class Section extends ReactWidget {
  constructor(
    id: string,
    label: string,
    signals: ISignal<object, void>[],
    private readonly _draw: () => JSX.Element,
    private readonly _onShow: () => void = () => undefined
  ) {
    super();
    this.id = id;
    this.title.label = label;
    this.addClass('dl-section');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', label);
    for (const signal of signals) {
      signal.connect(this._redraw, this);
    }
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override render(): JSX.Element {
    return <Suspense>{this._draw()}</Suspense>;
  }

  protected override onAfterShow(): void {
    this._onShow();
  }

  private _redraw(): void {
    this.update();
  }
}
