import type { Branding } from '../../../delivery/email/mail-message.ts'

/** The colours of a built-in mail that follow from the campaign's own, readable in light and in dark mode, and its logo. */
export interface Theme {
  readonly logo_url: string
  readonly button_color: string
  readonly button_text: string
  readonly button_dark: string
  readonly button_text_dark: string
  readonly accent_color: string
  readonly accent_dark: string
}

/**
 * Branding is whatever was typed into a form: a logo counts only as an absolute http(s) URL, a colour only as `#rgb` or
 * `#rrggbb`, so that neither can carry anything else into a style or an attribute.
 * Text keeps a contrast of 4.5:1 (WCAG 2.2, 1.4.3); the button itself only has to stand out from the card.
 */
export function themeOf(branding: Branding): Theme {
  const primary = colourOf(branding.primaryColor) ?? defaultPrimary
  const button = readable(primary, lightCard, black, 1.25)
  const buttonDark = readable(primary, darkCard, white, 1.5)
  return {
    logo_url: logoOf(branding.logoUrl),
    button_color: hex(button),
    button_text: hex(textOn(button)),
    button_dark: hex(buttonDark),
    button_text_dark: hex(textOn(buttonDark)),
    accent_color: hex(readable(primary, lightBox, black, 4.5)),
    accent_dark: hex(readable(primary, darkBox, white, isGrey(primary) ? 10 : 4.5)),
  }
}

type Colour = readonly [red: number, green: number, blue: number]

const white: Colour = [255, 255, 255]
const black: Colour = [17, 19, 24]
const defaultPrimary: Colour = [31, 95, 214]
// The surfaces of layout.html.mustache.
const lightCard: Colour = white
const lightBox: Colour = [243, 244, 246]
const darkCard: Colour = [27, 31, 37]
const darkBox: Colour = [38, 43, 51]

function logoOf(url: string | null | undefined): string {
  if (typeof url !== 'string' || url.length > 2_000 || !/^https?:\/\//i.test(url)) return ''
  const parsed = URL.parse(url)
  return parsed === null || parsed.username !== '' || parsed.password !== '' ? '' : parsed.href
}

function colourOf(text: string | null | undefined): Colour | undefined {
  if (typeof text !== 'string' || !/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(text)) return undefined
  const digits = text.length === 4 ? text.slice(1).replace(/./g, '$&$&') : text.slice(1)
  const value = Number.parseInt(digits, 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

/** A black or grey brand has no hue to keep, and a middling grey would look switched off on a dark card. */
function isGrey(colour: Colour): boolean {
  return Math.max(...colour) - Math.min(...colour) < 24
}

/** White where it reads well, since a coloured button with dark text looks switched off; else the better of the two. */
function textOn(background: Colour): Colour {
  const onWhite = contrast(white, background)
  return onWhite >= 4.5 || onWhite >= contrast(black, background) ? white : black
}

/** The colour itself, or mixed with `towards` in steps of a twentieth until it stands out enough. */
function readable(colour: Colour, background: Colour, towards: Colour, atLeast: number): Colour {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(colour, towards, share)
    if (contrast(mixed, background) >= atLeast) return mixed
  }
  return towards
}

function mix(from: Colour, to: Colour, share: number): Colour {
  const channel = (a: number, b: number): number => Math.round(a + (b - a) * share)
  return [channel(from[0], to[0]), channel(from[1], to[1]), channel(from[2], to[2])]
}

/** Contrast ratio by WCAG 2.2, from 1 to 21. */
function contrast(a: Colour, b: Colour): number {
  const [lighter, darker] = [luminance(a), luminance(b)].toSorted((x, y) => y - x)
  return ((lighter ?? 0) + 0.05) / ((darker ?? 0) + 0.05)
}

function luminance([red, green, blue]: Colour): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

function linear(channel: number): number {
  const share = channel / 255
  return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
}

function hex(colour: Colour): string {
  return `#${colour.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}
