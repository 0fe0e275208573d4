import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';
import type { AccordionPanel, Widget } from '@lumino/widgets';
import { lazy } from 'react';
import { gpuIcon } from '../icons';
import { IModel, PANEL_ID } from '../tokens';
import type { IPanelProps } from './props';
import { Section } from './section';

// A part of the height of all sections.
const LEAST_HEIGHT = 0.1;

// What is drawn is loaded when the panel is first seen, not when JupyterLab starts.
const Header = lazy(async () => ({ default: (await import('./header')).Header }));
const Instances = lazy(async () => ({ default: (await import('./instances')).Instances }));
const Runs = lazy(async () => ({ default: (await import('./runs')).Runs }));
const Keras = lazy(async () => ({ default: (await import('./keras')).KerasSettings }));

/** The plugin that shows: the panel with instances, runs and Keras' settings. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: 'dl-magics:panel',
  description: 'Adds the panel of dl_magics to the left sidebar.',
  autoStart: true,
  requires: [IModel],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IModel,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const made = makePanel({ commands: app.commands, model, trans }, translator ?? nullTranslator);
    app.shell.add(made, 'left', { rank: 600, type: 'dl_magics' });
    restorer?.add(made, PANEL_ID);
  }
};

function makePanel(props: IPanelProps, translator: ITranslator): SidePanel {
  const { cloud, keras, recorded, runs } = props.model;
  const { trans } = props;
  const made = new SidePanel({ translator });
  made.id = PANEL_ID;
  made.addClass('dl-panel');
  made.title.icon = gpuIcon;
  made.title.caption = trans.__('dl_magics: instances, runs, Keras settings');
  made.node.setAttribute('role', 'region');
  made.node.setAttribute('aria-label', trans.__('dl_magics'));
  made.header.addWidget(
    new Section('dl-magics-place', trans.__('AWS account and region'), [cloud.changed], () => (
      <Header {...props} />
    ))
  );
  made.addWidget(
    new Section(
      'dl-magics-instances',
      trans.__('Instances'),
      [cloud.changed, recorded.changed],
      () => <Instances {...props} />
    )
  );
  made.addWidget(
    new Section('dl-magics-runs', trans.__('Runs'), [runs.changed, recorded.changed], () => (
      <Runs {...props} />
    ))
  );
  const settings = new Section(
    'dl-magics-keras',
    trans.__('Keras settings'),
    [keras.changed, recorded.changed],
    () => <Keras {...props} />,
    () => {
      void keras.refresh();
      giveHeight(made.content as AccordionPanel, settings);
    }
  );
  // What the header shows comes later, and takes height from the sections.
  const observer = new ResizeObserver(() => made.content.update());
  observer.observe(made.header.node);
  made.disposed.connect(() => observer.disconnect(), made);
  // Closed until it is wanted: the height is for what costs money and what trains.
  settings.hide();
  made.addWidget(settings);
  return made;
}

/** A section that was closed from the start has no height yet: it gets that of the others. */
function giveHeight(content: AccordionPanel, section: Widget): void {
  const height = content.relativeSizes()[content.widgets.indexOf(section)] ?? 0;
  if (height < LEAST_HEIGHT) {
    content.setRelativeSizes(content.widgets.map(each => (each.isHidden ? 0 : 1)));
  }
}
