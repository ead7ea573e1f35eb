// A real browser.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { DEADLINE_MS } from './wait.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

function findBrowser() {
  const folders = process.env.PATH.split(delimiter)
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync)
  return process.env.CHROMIUM_BIN ?? found ?? assert.fail(`none of ${NAMES} is on the PATH: install one or set CHROMIUM_BIN`)
}

const browser = await chromium.launch({
  executablePath: findBrowser(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
after(() => browser.close())

// openPage opens an address in a browser profile of its own. problems are what
// the browser complained about; missing is a file that the server lacks.
export async function openPage(t, url, { missing, ...options } = {}) {
  const context = await browser.newContext(options)
  t.after(() => context.close())
  if (missing) await context.route(`**/${missing}`, (route) => route.fulfill({ status: 404 }))
  context.setDefaultTimeout(DEADLINE_MS)
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  await page.goto(url)
  return { page, problems }
}
