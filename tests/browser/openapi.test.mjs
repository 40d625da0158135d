// The pages that show the OpenAPI documents, as a developer reads them: without a script, on a phone and on a desktop, light and dark.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, complaints } from '../support/chromium.mjs';
import { Gatekey } from '../support/gatekey.mjs';

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

describe('the pages of the OpenAPI documents', () => {
  let gatekey, browser;

  before(async () => {
    // They ask no database.
    gatekey = await Gatekey.install('sqlite');
    await gatekey.start();
    browser = await chromium.launch(LAUNCH);
  });
  after(async () => {
    await browser?.close();
    await gatekey?.remove();
  });

  for (const document of ['protocol', 'account', 'admin']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark']) {
        test(`${document}, ${size}, ${colorScheme}`, async () => {
          const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled: false });
          try {
            const page = await context.newPage();
            const problems = complaints(page);
            await page.goto(`${gatekey.issuer}openapi`);
            if (document !== 'protocol') await page.getByRole('link', { name: `Gatekey ${document} API` }).click();
            await page.waitForURL(`**/openapi/gatekey-${document}`);
            const wide = await page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth);
            assert.equal(wide, 0, 'nothing is wider than the window');

            // From the contents to an operation, from there to an object that it names.
            if (size === 'phone') await page.locator('summary', { hasText: 'Contents' }).click();
            const [summary, object] = document === 'protocol' ? ['Gets tokens', 'TokenResponse'] : ['Lists sessions', 'SessionPage'];
            await page.getByRole('navigation', { name: 'Contents' }).getByRole('link', { name: summary }).click();
            const operation = page.getByRole('article').filter({ has: page.getByRole('heading', { name: summary }) });
            assert.ok(await operation.locator('.call').isVisible());
            await operation.getByRole('link', { name: object }).click();
            assert.equal(new URL(page.url()).hash, `#schema-${object}`);
            await page.locator(`#schema-${object} summary`).click();
            assert.ok(await page.locator(`#schema-${object} pre`).isVisible());
            assert.deepEqual(problems, []);
          } finally {
            await context.close();
          }
        });
      }
    }
  }
});
