// The page in a real browser: strokes, clicks and keys, from a drawing to a better network.
//   node test/page.mjs PROGRAM [SCREENSHOTS]
// PROGRAM is tandem; SCREENSHOTS a folder for pictures of every view in light and dark, English and Chinese, desktop and
// phone. Ends with 77 where there is no browser.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const skip = why => {
  console.log(`studio: skipped, ${why}`);
  process.exit(77);
};
const browserPath = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(path => path && existsSync(path));
if (!browserPath) skip('there is no chromium (CHROME_PATH names another)');
const puppeteer = await import('puppeteer-core').then(module => module.default, () => skip('puppeteer-core is not installed: run scripts/studio.sh'));

const program = resolve(process.argv[2] ?? '../build/ci/tandem');
const pictures = process.argv[3] && resolve(process.argv[3]);
const place = await mkdtemp(join(tmpdir(), 'tandem-studio-'));
const patience = 60_000;

// How people write, in units of the pad's side; a truth and its strokes. Some of it a hastily trained network misreads.
const line = (...points) => points;
const arc = (x, y, rx, ry, from, to, n = 24) => Array.from({ length: n + 1 }, (_, i) => {
  const angle = ((from + ((to - from) * i) / n) * Math.PI) / 180;
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
});
const WRITTEN = [
  ['7', [line([0.3, 0.25], [0.7, 0.25], [0.45, 0.8])]],
  ['0', [arc(0.5, 0.5, 0.2, 0.28, -90, 270)]],
  ['1', [line([0.5, 0.2], [0.5, 0.8])]],
  ['2', [[...arc(0.48, 0.36, 0.17, 0.15, -170, 30), [0.32, 0.78], [0.7, 0.78]]]],
  ['3', [[...arc(0.47, 0.35, 0.16, 0.14, -150, 80), ...arc(0.47, 0.64, 0.19, 0.15, -80, 150)]]],
  ['4', [line([0.42, 0.2], [0.3, 0.55], [0.7, 0.55]), line([0.6, 0.3], [0.6, 0.82])]],
  ['1', [line([0.35, 0.36], [0.52, 0.2], [0.52, 0.8]), line([0.35, 0.8], [0.7, 0.8])]],
  ['7', [line([0.28, 0.24], [0.7, 0.24], [0.42, 0.82]), line([0.36, 0.52], [0.64, 0.52])]],
  ['9', [[...arc(0.48, 0.36, 0.15, 0.15, 0, 360), [0.63, 0.5], [0.6, 0.82]]]],
  ['6', [[[0.6, 0.2], [0.42, 0.45], ...arc(0.5, 0.64, 0.16, 0.15, 180, 540)]]],
  ['5', [[[0.66, 0.22], [0.4, 0.22], [0.38, 0.48], ...arc(0.48, 0.62, 0.18, 0.17, -120, 140)]]],
  ['8', [[...arc(0.5, 0.36, 0.14, 0.14, 90, 450), ...arc(0.5, 0.66, 0.17, 0.16, -90, 270)]]],
  ['0', [arc(0.42, 0.55, 0.13, 0.22, 250, -110)]],
  ['2', [[...arc(0.5, 0.34, 0.14, 0.12, -180, 40), ...arc(0.4, 0.72, 0.08, 0.08, 250, -20), [0.72, 0.74]]]],
  ['3', [[[0.32, 0.24], [0.66, 0.24], [0.48, 0.46], ...arc(0.48, 0.63, 0.18, 0.17, -90, 160)]]],
  ['4', [[[0.6, 0.82], [0.6, 0.2], [0.28, 0.6], [0.74, 0.6]]]],
  ['5', [[[0.4, 0.24], [0.36, 0.5], ...arc(0.48, 0.62, 0.16, 0.18, -130, 150)], line([0.4, 0.24], [0.7, 0.22])]],
  ['6', [[...arc(0.62, 0.5, 0.22, 0.3, 260, 180), ...arc(0.52, 0.66, 0.12, 0.12, 180, -180)]]],
  ['8', [[[0.62, 0.26], ...arc(0.5, 0.34, 0.12, 0.12, -40, -220), [0.6, 0.6], ...arc(0.5, 0.68, 0.12, 0.12, -40, 220), [0.62, 0.28]]]],
  ['9', [[...arc(0.46, 0.38, 0.14, 0.16, -10, -350), ...arc(0.3, 0.42, 0.3, 0.42, -10, 70)]]],
];
const SCRIBBLE = [arc(0.5, 0.5, 0.35, 0.12, 0, 700, 40), line([0.15, 0.15], [0.85, 0.85], [0.85, 0.15], [0.15, 0.85]), line([0.1, 0.5], [0.9, 0.4])];

async function serve() {
  const runs = join(place, 'runs');
  await promisify(execFile)(program, ['train', 'digits', '--runs', runs, 'data.train=3000', 'data.test=500', 'train.epochs=2', 'people.goal.share=0.1']);
  const server = spawn(program, ['serve', join(runs, 'digits'), '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((done, failed) => {
    let text = '';
    server.stdout.on('data', piece => {
      text += piece;
      const found = text.match(/http:\/\/\S+/);
      if (found) done(found[0]);
    });
    server.on('exit', code => failed(new Error(`tandem serve ended with ${code}`)));
  });
  return { url, server };
}

/** A page with what a reader can do on it. */
async function open(browser, url, { width = 1180, height = 900, phone = false, theme = 'light', language = 'en' } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  await page.setViewport(phone ? { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true } : { width, height });
  const complaints = [];
  page.on('console', message => ['error', 'warn'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', error => complaints.push(error.message));
  await page.evaluateOnNewDocument((theme, language) => {
    if (localStorage.getItem('tandem.language')) return;
    localStorage.setItem('tandem.theme', theme);
    localStorage.setItem('tandem.language', language);
  }, theme, language);
  await page.goto(url);
  await page.waitForSelector('.pad canvas');
  const text = selector => page.$eval(selector, element => element.textContent);
  const gone = async selector => page.waitForFunction(s => !document.querySelector(s), {}, selector);
  const go = async view => {
    await page.click(`nav a[href="#/${view}"]`);
    await page.waitForSelector(`nav a[href="#/${view}"][aria-current]`);
  };
  const press = async label => {
    const button = await page.waitForSelector(`xpath/.//main//button[not(@disabled) and normalize-space(text())=${JSON.stringify(label)}]`);
    await button.click();
  };
  /** Draws on an empty pad and waits for the answer to all of it. */
  const write = async strokes => {
    if (!(await page.$('.hint'))) await page.click('.tools button:nth-of-type(2)');
    await page.waitForSelector('.hint');
    const box = await (await page.$('.pad canvas')).boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    for (const [i, stroke] of strokes.entries()) {
      const last = i + 1 === strokes.length;
      const answered = last && page.waitForResponse(r => r.url().includes('/explain') && r.request().method() === 'POST');
      await page.mouse.move(...at(stroke[0]));
      await page.mouse.down();
      for (const point of stroke.slice(1)) await page.mouse.move(...at(point), { steps: 2 });
      await page.mouse.up();
      if (last) assert.equal((await answered).status(), 200);
    }
    await page.waitForSelector('.neighbours');
    return (await text('.big')).trim().slice(-1);
  };
  const milliseconds = () => page.$eval('.time', element => Number(element.dataset.milliseconds));
  return { page, complaints, text, gone, go, press, write, milliseconds };
}

const steps = {
  async 'a stroke is answered, explained and compared'({ write, page }) {
    const label = await write(WRITTEN[0][1]);
    assert.match(label, /[0-9]/);
    const bars = await page.$$eval('.bars .track i', all => all.map(i => Number(i.style.transform.match(/\((.*)\)/)[1])));
    assert.equal(bars.length, 10);
    assert.ok(Math.abs(bars.reduce((a, b) => a + b) - 1) < 0.01, `probabilities sum to ${bars}`);
    assert.equal((await page.$$('.neighbours li')).length, 6);
    // Colour lies over the black ink where the explanation was drawn.
    const coloured = await page.$eval('.pad canvas', canvas => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let n = 0;
      for (let i = 0; i < data.length; i += 4) n += data[i + 3] > 40 && Math.abs(data[i] - data[i + 2]) > 60;
      return n / (data.length / 4);
    });
    assert.ok(coloured > 0.01, `${coloured} of the pad is coloured`);
  },

  async 'another class and every method can be asked for'({ page }) {
    await page.click('.bars li:nth-child(4) button');
    await page.waitForSelector('.bars li:nth-child(4) button[aria-pressed=true]');
    for (const method of ['gradient_input', 'smooth_grad', 'grad_cam', 'occlusion', 'shapley', 'integrated_gradients']) {
      const answered = page.waitForResponse(r => r.url().includes(`method=${method}&class=3`));
      await page.select('.legend select', method);
      assert.equal((await answered).status(), 200, method);
    }
  },

  async 'the keyboard draws too'({ page, text }) {
    await page.click('.tools button:nth-of-type(2)');
    await page.waitForSelector('.hint');
    await page.focus('.pad canvas');
    await page.keyboard.press('Space');
    for (let i = 0; i < 12; ++i) await page.keyboard.press('ArrowDown');
    const answered = page.waitForResponse(r => r.url().includes('/explain'));
    await page.keyboard.press('Space');
    await answered;
    assert.match(await text('.big'), /[0-9]/);
  },

  async 'undo takes the last stroke back'({ page, write }) {
    await write(WRITTEN[7][1]);
    await page.click('.tools button:nth-of-type(1)');
    await page.waitForSelector('.tools button:nth-of-type(1):not([disabled])'); // one stroke is left
    await page.click('.tools button:nth-of-type(1)');
    await page.waitForSelector('.hint');
  },

  async 'a picture can be chosen'({ page }) {
    const small = join(place, 'seven.png');
    const shot = await page.evaluate(() => {
      const canvas = document.createElement('canvas');
      canvas.width = 120;
      canvas.height = 90;
      const pen = canvas.getContext('2d');
      pen.fillStyle = '#fff';
      pen.fillRect(0, 0, 120, 90);
      pen.lineWidth = 6;
      pen.beginPath();
      pen.moveTo(30, 20), pen.lineTo(60, 20), pen.lineTo(40, 75);
      pen.stroke();
      return canvas.toDataURL().split(',')[1];
    });
    const { writeFile } = await import('node:fs/promises');
    await writeFile(small, Buffer.from(shot, 'base64'));
    const answered = page.waitForResponse(r => r.url().includes('/look?form=ink'));
    await (await page.$('input[type=file]')).uploadFile(small);
    assert.equal((await answered).status(), 200);
    await page.waitForSelector('.pad img');
    await page.waitForFunction(() => /[0-9]/.test(document.querySelector('.big').textContent));
  },

  async 'the loop: wrong, corrected, learned, live'({ page, write, press, go, text, gone }) {
    const misread = [];
    for (const [truth, strokes] of WRITTEN) {
      if ((await write(strokes)) === truth) continue;
      misread.push([truth, strokes]);
      await press(truth);
      await page.waitForSelector('.said');
    }
    assert.ok(misread.length > 0, 'so hastily trained a network misreads something');
    await go('learn');
    await press('Learn now');
    await page.waitForSelector('.outcome');
    assert.equal(await page.$('.outcome.held'), null, await text('.outcome'));
    await page.waitForFunction(() => document.querySelector('tr.live th')?.textContent.startsWith('2'));
    console.log(`    ${await text('.outcome')}`);
    await go('try');
    let right = 0;
    for (const [truth, strokes] of misread) right += (await write(strokes)) === truth;
    assert.ok(right > 0, 'the new version reads what the old one could not');
    console.log(`    ${misread.length} of ${WRITTEN.length} were misread before, ${misread.length - right} after`);
    assert.match(await text('.time'), /version 2/);
    await gone('.trouble');
  },

  async 'versions are compared and restored'({ page, go, press, text }) {
    await go('learn');
    await press('Compare with live');
    await page.waitForSelector('.compared');
    await press('Make live');
    await page.waitForFunction(() => document.querySelector('tr.live th')?.textContent.startsWith('1'));
    assert.equal((await page.$$('table .badge')).length, 1);
    assert.match(await text('table.rows'), /training/);
  },

  async 'what is deferred is answered from the queue by a key'({ page, write, press, go, text, gone }) {
    await go('try');
    await write(SCRIBBLE);
    await page.waitForSelector('.big.defers');
    await press('Leave it in the queue');
    await page.waitForSelector('.said');
    await go('queue');
    await page.waitForSelector('.case');
    await page.keyboard.press('3');
    await gone('.case');
    assert.match(await text('.empty'), /Nothing waits/);
  },

  async 'runs are listed and drawn'({ page, go, text }) {
    await go('runs');
    await page.waitForSelector('.u-over');
    await page.waitForFunction(() => document.querySelector('table.runs')?.textContent.includes('finished'));
    assert.match(await text('table.runs'), /digits/);
  },

  async 'the drawing flows through the network'({ page, go, write }) {
    await go('try');
    await write(WRITTEN[4][1]);
    await go('network');
    await page.waitForSelector('.under');
    assert.ok((await page.$$('.maps canvas')).length >= 8);
  },

  async 'language and colours are remembered'({ page, text }) {
    await page.click('.switches .switch:nth-of-type(1) button:nth-child(2)');
    await page.click('.switches .switch:nth-of-type(2) button:nth-child(3)');
    await page.reload();
    await page.waitForSelector('nav a');
    assert.match(await text('nav'), /试用/);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
    await page.click('.switches .switch:nth-of-type(1) button:nth-child(1)');
    await page.click('.switches .switch:nth-of-type(2) button:nth-child(2)');
  },
};

/** Milliseconds from the end of a stroke to its answer on the page. */
async function measure({ page, milliseconds }) {
  const box = await (await page.$('.pad canvas')).boundingBox();
  const taken = [];
  for (let i = 0; i < 30; ++i) {
    const x = box.x + box.width * (0.3 + 0.013 * i), answered = page.waitForResponse(r => r.url().includes('/explain'));
    await page.mouse.move(x, box.y + box.height * 0.3);
    await page.mouse.down();
    await page.mouse.move(x, box.y + box.height * 0.7, { steps: 4 });
    await page.mouse.up();
    await answered;
    taken.push(await milliseconds());
    if (i % 5 === 4) await page.click('.tools button:nth-of-type(2)');
  }
  taken.sort((a, b) => a - b);
  console.log(`a stroke is answered in ${taken[15].toFixed(1)} ms (median of 30; ${taken[0].toFixed(1)} to ${taken[29].toFixed(1)})`);
}

async function photograph(browser, url, folder) {
  await mkdir(folder, { recursive: true });
  for (const phone of [false, true])
    for (const theme of ['light', 'dark'])
      for (const language of ['en', 'zh']) {
        const reader = await open(browser, url, { phone, theme, language });
        await reader.page.evaluate((t, l) => (localStorage.setItem('tandem.theme', t), localStorage.setItem('tandem.language', l)), theme, language);
        await reader.page.reload();
        await reader.page.waitForSelector('.pad canvas');
        const name = `${phone ? 'phone' : 'desktop'}-${theme}-${language}`;
        const shoot = async view => {
          await new Promise(done => setTimeout(done, 700));
          const wide = await reader.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(wide <= 0, `${name} ${view} is ${wide} too wide`);
          await reader.page.screenshot({ path: join(folder, `${name}-${view}.png`), fullPage: true });
        };
        await shoot('empty');
        await reader.write(WRITTEN[phone ? 8 : 3][1]);
        for (const view of ['try', 'queue', 'learn', 'runs', 'network']) {
          await reader.go(view);
          await shoot(view);
        }
        assert.deepEqual(reader.complaints, []);
        await reader.page.close();
      }
}

const { url, server } = await serve();
let browser;
try {
  browser = await puppeteer.launch({
    executablePath: browserPath,
    protocolTimeout: 10 * patience,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  const reader = await open(browser, url);
  await measure(reader);
  for (const [name, step] of Object.entries(steps)) {
    await step(reader);
    console.log(`ok: ${name}`);
  }
  assert.deepEqual(reader.complaints, [], 'the browser has nothing to complain about');
  if (pictures) await photograph(browser, url, pictures);
} finally {
  await browser?.close();
  server.removeAllListeners('exit');
  server.kill('SIGTERM');
  await rm(place, { recursive: true, force: true });
}
