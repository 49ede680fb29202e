import { describe, expect, it } from 'vitest'
import { jsonData, markup, verbatim } from '../../../cmd/docs/markup.ts'
import { hostile } from '../../support/strange-catalogue.ts'

describe('a template of HTML', () => {
  it('escapes what is put into it, once', () => {
    expect(markup`<p title="${`a "b" 'c'`}">${'<b> & co'}</p>`.text).toBe('<p title="a &#34;b&#34; &#39;c&#39;">&#60;b&#62; &#38; co</p>')
    expect(markup`<i>${markup`<b>${'<'}</b>`}</i>`.text).toBe('<i><b>&#60;</b></i>')
    expect(markup`<p>${hostile}</p>`.text).not.toMatch(/<(?!\/?p>)|"/)
  })

  it('takes numbers, lists of lists, nothing, and text that is HTML already', () => {
    expect(markup`${1}${null}${[['<'], markup`<br>`, []]}${verbatim('<hr>')}`.text).toBe('1&#60;<br><hr>')
  })

  it('holds data for the script that cannot end its element', () => {
    const { text } = jsonData([hostile])
    expect(text).not.toContain('<')
    expect(JSON.parse(text)).toEqual([hostile])
  })
})
