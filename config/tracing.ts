import { hasProblem } from './kafka-access.ts'
import type { Values } from './variables.ts'

/** Where spans go, and which. */
export interface TracingConfig {
  /** Takes OTLP over HTTP. */
  readonly url: string
  /** Secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM. */
  readonly ca?: string
  readonly resource: Readonly<Record<string, string>>
  readonly sampler: Values['OTEL_TRACES_SAMPLER']
  /** Of the traces that begin here, for a sampler by ratio. */
  readonly ratio: number
}

/** Null where tracing is off; adds a problem for settings that contradict each other. */
export function tracing(values: Values, problems: string[]): TracingConfig | null {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE: ca } = values
  if (endpoint === undefined || values.OTEL_SDK_DISABLED || values.OTEL_TRACES_EXPORTER === 'none') return null
  if (hasProblem(problems, 'OTEL_EXPORTER_OTLP_ENDPOINT')) return null
  const { username, password } = new URL(endpoint)
  if (username !== '' || password !== '')
    problems.push('OTEL_EXPORTER_OTLP_ENDPOINT holds a login, which would not be sent: give it as OTEL_EXPORTER_OTLP_HEADERS.')
  const { 'service.name': named = 'kafka-worker', ...attributes } = values.OTEL_RESOURCE_ATTRIBUTES ?? {}
  return {
    url: tracesUrl(endpoint),
    headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    ...(ca === undefined ? {} : { ca }),
    resource: { ...attributes, 'service.name': values.OTEL_SERVICE_NAME ?? named },
    sampler: values.OTEL_TRACES_SAMPLER,
    ratio: values.OTEL_TRACES_SAMPLER_ARG,
  }
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp */
function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`
  return url.href
}
