/** The commands; their names are their ids, as other extensions and shortcuts use them. */
export const CommandIDs = {
  openPanel: 'dl-magics:open-panel',
  refreshPanel: 'dl-magics:refresh-panel',
  launchInstance: 'dl-magics:launch-instance',
  rentGpu: 'dl-magics:rent-gpu',
  startInstance: 'dl-magics:start-instance',
  stopInstance: 'dl-magics:stop-instance',
  keepInstance: 'dl-magics:keep-instance',
  resizeInstance: 'dl-magics:resize-instance',
  terminateInstance: 'dl-magics:terminate-instance',
  connectNotebook: 'dl-magics:connect-notebook',
  openTerminal: 'dl-magics:open-terminal',
  stopRun: 'dl-magics:stop-run',
  openReport: 'dl-magics:open-report',
  attachRun: 'dl-magics:attach-run',
  selectPlace: 'dl-magics:select-place',
  switchPractice: 'dl-magics:switch-practice',
  insertMagic: 'dl-magics:insert-magic'
} as const;
