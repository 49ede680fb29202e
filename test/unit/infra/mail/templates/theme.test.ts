import { assert, property, integer } from 'fast-check'
import { expect, test } from 'vitest'
import { themeOf } from '../../../../../src/infra/mail/templates/theme.ts'

const unset = themeOf({})

test.each(['red', '#12', '#12345', '#1234567', 'url(x)', '#fff;background:red', ' #ffffff', '', null])(
  '%j is no colour',
  (primaryColor) => {
    expect(themeOf({ primaryColor })).toEqual(unset)
  },
)

test.each([
  'javascript:alert(1)',
  '//cdn.example.com/a.png',
  'data:image/png;base64,AA',
  'https://user:pass@example.com/a.png',
  'https://',
  'ftp://example.com/a',
  '',
  null,
])('%j is no logo', (logoUrl) => {
  expect(themeOf({ logoUrl }).logo_url).toBe('')
})

test('a logo keeps its address, with nothing that could leave an attribute', () => {
  expect(themeOf({ logoUrl: 'https://cdn.example.com/a.png?b=1&c=2' }).logo_url).toBe('https://cdn.example.com/a.png?b=1&c=2')
  expect(themeOf({ logoUrl: 'https://cdn.example.com/"><script>' }).logo_url).not.toMatch(/["<>]/)
})

test('a short colour is the long one', () => {
  expect(themeOf({ primaryColor: '#E50' })).toEqual(themeOf({ primaryColor: '#ee5500' }))
})

test('a colour that reads well is kept as it is', () => {
  expect(themeOf({ primaryColor: '#1d4ed8' })).toMatchObject({ button_color: '#1d4ed8', button_text: '#ffffff', accent_color: '#1d4ed8' })
  expect(themeOf({ primaryColor: '#ffd400' })).toMatchObject({ button_color: '#ffd400', button_text: '#111318' })
})

test('whatever the colour, text is readable and the button is seen', () => {
  assert(
    property(integer({ min: 0, max: 0xff_ff_ff }), (value) => {
      const theme = themeOf({ primaryColor: `#${value.toString(16).padStart(6, '0')}` })
      expect(contrast(theme.button_text, theme.button_color)).toBeGreaterThanOrEqual(4.2)
      expect(contrast(theme.button_text_dark, theme.button_dark)).toBeGreaterThanOrEqual(4.2)
      expect(contrast(theme.accent_color, '#ffffff')).toBeGreaterThanOrEqual(4.5)
      expect(contrast(theme.accent_color, '#f3f4f6')).toBeGreaterThanOrEqual(4.5)
      expect(contrast(theme.accent_dark, '#262b33')).toBeGreaterThanOrEqual(4.5)
      expect(contrast(theme.button_color, '#ffffff')).toBeGreaterThanOrEqual(1.25)
      expect(contrast(theme.button_dark, '#1b1f25')).toBeGreaterThanOrEqual(1.5)
    }),
    { numRuns: 300 },
  )
})

/** WCAG 2.2, implemented independently of the code under test. */
function contrast(first: string, second: string): number {
  const [a, b] = [luminance(first), luminance(second)]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

function luminance(hex: string): number {
  return [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((share) => (share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4))
    .reduce((sum, share, index) => sum + share * ([0.2126, 0.7152, 0.0722][index] ?? 0), 0)
}
