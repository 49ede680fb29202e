/** A chart over time; its lines are queries in the language of Prometheus, by their legends. */
export interface Panel {
  readonly title: string
  /** A sentence, shown over its title. */
  readonly description: string
  /** In the words of Grafana: `s`, `ops`, `short`, `bytes`, `percentunit`. */
  readonly unit: 's' | 'ops' | 'short' | 'bytes' | 'percentunit'
  /** Of the 24 columns; 8 when not given. */
  readonly width?: number
  /** `[legend, query]` */
  readonly lines: readonly (readonly [legend: string, query: string])[]
}

export interface Dashboard {
  /** Part of its address in Grafana. */
  readonly uid: string
  readonly title: string
  /** Which groups its variable `$group` may name; without, it has none. */
  readonly groups?: 'several' | 'one'
  /** Rows of panels, by their headings. */
  readonly rows: readonly (readonly [heading: string, panels: readonly Panel[]])[]
}

const COLUMNS = 24
const DEFAULT_WIDTH = 8
const HEIGHT = 8

const source = { type: 'prometheus', uid: '${datasource}' }

/** The text of the file that Grafana reads. Panels flow from left to right in the order of their list. */
export function renderDashboard({ uid, title, groups, rows }: Dashboard): string {
  const panels: object[] = []
  let y = 0
  for (const [heading, members] of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: heading,
      collapsed: false,
      gridPos: { h: 1, w: COLUMNS, x: 0, y: y++ },
      panels: [],
    })
    let x = 0
    for (const panel of members) {
      const width = panel.width ?? DEFAULT_WIDTH
      if (x + width > COLUMNS) [x, y] = [0, y + HEIGHT]
      panels.push(chart(panel, { id: panels.length + 1, gridPos: { h: HEIGHT, w: width, x, y } }))
      x += width
    }
    y += HEIGHT
  }
  const dashboard = {
    uid,
    title,
    tags: ['kafka-worker'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'kafka-worker',
        tags: ['kafka-worker'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
      },
    ],
    annotations: { list: [] },
    templating: { list: [datasourceVariable, ...(groups === undefined ? [] : [groupVariable(groups)])] },
    panels,
  }
  return `${JSON.stringify(dashboard, null, 2)}\n`
}

const datasourceVariable = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {}, hide: 0 }

function groupVariable(groups: 'several' | 'one'): object {
  const query = 'label_values(kafka_worker_assigned_partitions, group)'
  return {
    name: 'group',
    label: 'group',
    type: 'query',
    datasource: source,
    query: { qryType: 1, query, refId: 'group' },
    definition: query,
    refresh: 2,
    sort: 1,
    ...(groups === 'several'
      ? { multi: true, includeAll: true, allValue: '.*', current: { text: ['All'], value: ['$__all'] } }
      : { multi: false, includeAll: false, current: {} }),
  }
}

function chart({ title, description, unit, lines }: Panel, place: { readonly id: number; readonly gridPos: object }): object {
  return {
    id: place.id,
    type: 'timeseries',
    title,
    description,
    datasource: source,
    gridPos: place.gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never', spanNulls: false, stacking: { mode: 'none' } } },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: lines.map(([legendFormat, expr], index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: source,
      expr,
      legendFormat,
    })),
  }
}
