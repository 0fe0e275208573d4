import { LabIcon } from '@jupyterlab/ui-components';

// A graphics card: bracket, board with a fan, connector.
const GPU = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161" fill-rule="evenodd">
    <path d="M2 5h2v14H2z"/>
    <path d="M5 7h15a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H5zm5 8.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM16 9v6h1.5V9zM19 9v6h1.5V9z"/>
    <path d="M7 18h2v2H7zM11 18h2v2h-2zM15 18h2v2h-2z"/>
    <circle cx="10" cy="12" r="1.5"/>
  </g>
</svg>`;

export const gpuIcon = new LabIcon({ name: 'dl-magics:gpu', svgstr: GPU });
