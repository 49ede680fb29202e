import { expect, it } from 'vitest'
import { warnOfUnknownNames } from '../../../config/unknown-names.ts'
import { loadWith, problemsWith } from './least.ts'

const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector.example.com:4318'

it.each([
  [{}],
  [{ OTEL_TRACES_SAMPLER: 'always_on' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
])('traces are off with %j', (variables) => {
  expect(loadWith(variables).tracing).toBeNull()
})

it('a collector alone turns them on, with the defaults of OpenTelemetry', () => {
  expect(loadWith({ OTEL_EXPORTER_OTLP_ENDPOINT }).tracing).toEqual({
    url: 'http://collector.example.com:4318/v1/traces',
    headers: {},
    resource: { 'service.name': 'kafka-worker' },
    sampler: 'parentbased_always_on',
    ratio: 1,
  })
})

it('everything can be said', () => {
  expect(
    loadWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com/team/',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a=b, x-team = one',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=by-attribute,deployment.environment.name=test',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '.25',
    }).tracing,
  ).toEqual({
    url: 'https://otlp.example.com/team/v1/traces',
    headers: { authorization: 'Bearer a=b', 'x-team': 'one' },
    resource: { 'service.name': 'by-attribute', 'deployment.environment.name': 'test' },
    sampler: 'parentbased_traceidratio',
    ratio: 0.25,
  })
  const named = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME: 'by-name', OTEL_RESOURCE_ATTRIBUTES: 'service.name=by-attribute' }
  expect(loadWith(named).tracing?.resource).toEqual({ 'service.name': 'by-name' })
})

it.each([
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
    'OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" does not begin with https:// or http://',
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://me:hush@otlp.example.com' }, 'give it as OTEL_EXPORTER_OTLP_HEADERS'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" has an invalid format; it must be http/json.'],
  [{ OTEL_TRACES_SAMPLER: 'sometimes' }, 'OTEL_TRACES_SAMPLER: "sometimes" is not one of these values'],
  [{ OTEL_TRACES_SAMPLER_ARG: '10' }, 'OTEL_TRACES_SAMPLER_ARG: "10" is too large'],
  [{ OTEL_TRACES_SAMPLER_ARG: '10%' }, 'OTEL_TRACES_SAMPLER_ARG: "10%" is not a number'],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: "zipkin" is not one of these values; it must be otlp or none.'],
  [{ OTEL_RESOURCE_ATTRIBUTES: 'production' }, 'OTEL_RESOURCE_ATTRIBUTES: "production" holds a part that is not name=value'],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'key=100%' }, 'OTEL_EXPORTER_OTLP_HEADERS holds a bare % in a value'],
])('refuses %j with a sentence', (variables, sentence) => {
  const problems = problemsWith(variables)
  expect(problems).toEqual([expect.stringContaining(sentence)])
  expect(problems.join()).not.toMatch(/hush|100%/)
})

it("warns of OpenTelemetry's variables that have no effect here", () => {
  const warnings = warnOfUnknownNames({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: OTEL_EXPORTER_OTLP_ENDPOINT })
  expect(warnings).toEqual([expect.stringContaining('did you mean OTEL_EXPORTER_OTLP_ENDPOINT?')])
})
