// In every page of the site: search, and buttons that copy. Pages are whole without it.

const root = document.documentElement.dataset.root ?? ''
const form = document.querySelector('form.search')
const input = document.querySelector('#search')
const results = document.querySelector('#results')
const found = document.querySelector('#found')
const entries = JSON.parse(document.querySelector('#entries').textContent)

const MOST = 12

/** Entries in which every word occurs: those with it in the title first, those that begin with it before them. */
function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  const rankOf = ({ title, summary, words: more }) => {
    const name = title.toLowerCase()
    if (!words.every((word) => `${name} ${summary.toLowerCase()} ${more}`.includes(word))) return null
    if (name.startsWith(words[0])) return 0
    return words.every((word) => name.includes(word)) ? 1 : 2
  }
  return entries
    .map((entry) => ({ entry, rank: rankOf(entry) }))
    .filter(({ rank }) => rank !== null)
    .sort((one, other) => one.rank - other.rank)
    .map(({ entry }) => entry)
}

function show() {
  const hits = search(input.value)
  results.replaceChildren(...hits.slice(0, MOST).map(itemOf))
  results.hidden = hits.length === 0
  found.textContent = sentenceOf(hits.length)
  form.classList.toggle('nothing', input.value.trim() !== '' && hits.length === 0)
}

function sentenceOf(count) {
  if (input.value.trim() === '') return ''
  return count === 0 ? 'Nothing found' : `${count} found${count > MOST ? `, the first ${MOST} are shown` : ''}`
}

function itemOf({ title, kind, path, summary }) {
  const link = document.createElement('a')
  link.href = root + path
  const name = document.createElement('code')
  name.textContent = title
  const about = document.createElement('span')
  about.textContent = `${kind}: ${summary}`
  link.append(name, about)
  const item = document.createElement('li')
  item.append(link)
  return item
}

/** The arrows move between the field and the results, in which the focus is then. */
function move(step) {
  const stops = [input, ...results.querySelectorAll('a')]
  const next = stops.indexOf(document.activeElement) + step
  stops[(next + stops.length) % stops.length]?.focus()
}

form.hidden = false
input.addEventListener('input', show)
form.addEventListener('submit', (event) => {
  event.preventDefault()
  results.querySelector('a')?.click()
})
form.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    input.value = ''
    show()
    input.focus()
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault()
    move(event.key === 'ArrowDown' ? 1 : -1)
  }
})
// Results stay while the focus is in them, and are there again when it returns.
form.addEventListener('focusout', ({ relatedTarget }) => {
  if (!form.contains(relatedTarget)) results.hidden = true
})
form.addEventListener('focusin', () => {
  results.hidden = results.childElementCount === 0
})
// A page that the browser kept is shown without what was searched in it.
window.addEventListener('pageshow', () => {
  input.value = ''
  show()
})
document.addEventListener('keydown', (event) => {
  const isTyped = event.target instanceof HTMLInputElement
  if (event.key !== '/' || isTyped || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  input.focus()
})

for (const button of document.querySelectorAll('button[data-copies]')) {
  const block = document.querySelector(`#${CSS.escape(button.dataset.copies)}`)
  button.hidden = false
  button.addEventListener('click', () => {
    copy(block).then(
      () => say(button, 'Copied'),
      () => say(button, 'Press Ctrl-C'),
    )
  })
}

/** On the button for a while, and to screen readers. */
function say(button, text) {
  button.textContent = text
  found.textContent = text
  setTimeout(() => {
    button.textContent = 'Copy'
  }, 2_000)
}

/** Selects a block, so that it can be copied by hand where it is refused here. Pages without TLS have only the old command. */
async function copy(block) {
  getSelection()?.selectAllChildren(block)
  if (navigator.clipboard !== undefined) await navigator.clipboard.writeText(block.textContent)
  else if (!document.execCommand('copy')) throw new Error('refused')
}
