import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { createProgress } from '../../../cmd/demo/progress.ts'

beforeEach(() => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
})

function open(isTTY: boolean) {
  const writes: string[] = []
  const output = {
    isTTY,
    columns: 20,
    write: (text: string) => {
      writes.push(text)
      return true
    },
  }
  return { writes, progress: createProgress(output, () => Date.now()) }
}

/** Back to the beginning of the line, and the line emptied. */
const cleared = '\r\u001b[K'

test('on a terminal a stage is written at once, and its age is redrawn in place every second within the width', () => {
  const { writes, progress } = open(true)
  progress.stage('Starting it all', 'Kafka and PostgreSQL')
  expect(writes).toEqual(['Starting it all: Kafka and PostgreSQL\n'])
  vi.advanceTimersByTime(2_000)
  expect(writes.slice(1)).toEqual(['Starting it all, 1 ', cleared, 'Starting it all, 2 '])
  progress.line('Kafka: up')
  expect(writes.slice(-2)).toEqual([cleared, 'Kafka: up\n'])
})

test('on a terminal a figure replaces the previous one and the age', () => {
  const { writes, progress } = open(true)
  progress.stage('Download')
  progress.figure('1 MB')
  progress.figure('2 MB')
  vi.advanceTimersByTime(1_000)
  progress.done()
  vi.advanceTimersByTime(10_000)
  expect(writes).toEqual(['Download\n', '1 MB', cleared, '2 MB', cleared, 'Download, 1 s', cleared])
})

test('a pipe gets whole lines without control codes, and repetitions every five seconds', () => {
  const { writes, progress } = open(false)
  progress.stage('Download')
  for (let second = 1; second <= 6; second++) {
    vi.advanceTimersByTime(1_000)
    progress.figure(`${second} MB`)
  }
  progress.stage('Start')
  vi.advanceTimersByTime(11_000)
  progress.line('Up')
  progress.done()
  vi.advanceTimersByTime(10_000)
  expect(writes).toEqual(['Download\n', 'Download, 5 s\n', 'Start\n', 'Start, 5 s\n', 'Start, 10 s\n', 'Up\n'])
})
