// The page in a real browser: strokes, clicks and keys, from a drawing, a text or a row to a better network.
//   node test/page.mjs PROGRAM [SCREENSHOTS]
// PROGRAM is tandem; SCREENSHOTS a folder for pictures of every view in light and dark, English and Chinese, desktop and
// phone. Ends with 77 where there is no browser.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AGES, NEWS, REPORTS, SCRIBBLES, serve, WRITTEN } from './worlds.mjs';

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

/** A page with what a reader can do on it. */
async function open(browser, url, { width = 1180, height = 900, phone = false, theme = 'light', language = 'en', model = 'digits' } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  await page.setViewport(phone ? { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true } : { width, height });
  const complaints = [];
  page.on('console', message => ['error', 'warn'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', error => complaints.push(error.message));
  await page.evaluateOnNewDocument((theme, language, model) => {
    if (sessionStorage.getItem('begun')) return; // what the reader chooses after that is kept
    sessionStorage.setItem('begun', 'yes');
    localStorage.setItem('tandem.theme', theme);
    localStorage.setItem('tandem.language', language);
    localStorage.setItem('tandem.model', model);
  }, theme, language, model);
  await page.goto(url);
  await page.waitForSelector('.pad canvas, .sheet, .fields');
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
  /** Chooses another model. */
  const choose = async model => {
    await page.select('.switches select', model);
    await go('try');
  };
  /** Writes in place of what stands in the field, and waits for all that is said of it. */
  const type = async (selector, words) => {
    await page.focus(selector);
    await page.$eval(selector, field => field.select());
    await page.keyboard.type(words);
    await page.waitForNetworkIdle({ idleTime: 400 }); // the answer, why, and what it resembles
    await page.waitForFunction(() => document.querySelector('.big:not(.faint)'));
    return text('.big').then(t => t.trim().split(' ').pop());
  };
  const milliseconds = () => page.$eval('.time', element => Number(element.dataset.milliseconds));
  return { page, complaints, text, gone, go, press, write, choose, type, milliseconds };
}

/** Corrects what is read wrong, learns it, and sees that less is wrong then. */
async function loop({ page, press, go, text, gone }, truths, read) {
  const misread = [];
  for (const [truth, words] of truths) {
    if ((await read(words)) === truth) continue;
    misread.push([truth, words]);
    await press(truth);
    await page.waitForSelector('.said');
  }
  assert.ok(misread.length > 2, `${misread.length} of ${truths.length} are read wrong`);
  await go('learn');
  await press('Learn now');
  await page.waitForSelector('.outcome', { timeout: 5 * patience }); // learning, on a machine that does other things too
  assert.equal(await page.$('.outcome.held'), null, await text('.outcome'));
  await page.waitForFunction(() => document.querySelector('tr.live th')?.textContent.startsWith('2'));
  console.log(`    ${await text('.outcome')}`);
  await go('try');
  let right = 0;
  for (const [truth, words] of misread) right += (await read(words)) === truth;
  console.log(`    ${misread.length} of ${truths.length} were read wrong before, ${misread.length - right} after`);
  assert.ok(right > 0, 'the new version reads what the old one could not');
  assert.match(await text('.time'), /version 2/);
  await gone('.trouble');
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

  async 'the loop: wrong, corrected, learned, live'(reader) {
    await loop(reader, WRITTEN, reader.write);
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
    // So hastily trained a network may be sure of a scribble, but not of all that people write.
    for (const strokes of [...SCRIBBLES, ...WRITTEN.map(([, strokes]) => strokes)]) {
      await write(strokes);
      if (await page.$('.big.defers')) break;
    }
    assert.ok(await page.$('.big.defers'), 'something is left to people');
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

  async 'a text is answered while it is written, and its words are coloured'({ page, choose, type }) {
    await choose('films');
    await page.waitForSelector('.sheet textarea');
    assert.equal(await type('.sheet textarea', 'this story was dull and awful'), 'bad');
    await page.waitForFunction(() => [...document.querySelectorAll('mark.for')].some(m => m.textContent === 'awful'));
    const strength = await page.$$eval('mark', all => Object.fromEntries(all.map(m => [m.textContent, Number(m.style.getPropertyValue('--strength'))])));
    assert.ok(Math.max(strength.dull, strength.awful) === 1, JSON.stringify(strength));
    // The copy with the marks makes the sheet as high as the field needs it: their lines break in the same places.
    const [needed, high] = await page.$eval('.sheet textarea', field => [field.scrollHeight, field.clientHeight]);
    assert.ok(needed <= high, `the field needs ${needed}, the sheet is ${high} high`);
    await page.waitForSelector('.alike li');
    assert.equal((await page.$$('.alike li')).length, 6);
    for (const method of ['occlusion', 'shapley', 'gradient_input']) {
      const answered = page.waitForResponse(r => r.url().includes(`method=${method}`));
      await page.select('.legend select', method);
      assert.equal((await answered).status(), 200, method);
    }
    const answered = page.waitForResponse(r => r.url().includes('class=1'));
    await page.click('.bars li:nth-child(2) button');
    assert.equal((await answered).status(), 200);
    await page.waitForFunction(() => [...document.querySelectorAll('mark.against')].some(m => m.textContent === 'awful'));
  },

  async 'the loop with texts: wrong, corrected, learned, live'(reader) {
    await reader.choose('films');
    await loop(reader, NEWS, words => reader.type('.sheet textarea', words));
  },

  async 'a row is answered while it is filled in, and what it would take to turn the answer is put in'({ page, choose, type, press }) {
    await choose('ward');
    await page.waitForSelector('.fields');
    const age = '.field input[type=number]';
    assert.equal(await type(age, '72.5'), 'ill');
    await page.waitForFunction(() => document.querySelector('.field .value').textContent.startsWith('+'));
    await page.waitForSelector('.otherwise li');
    assert.equal((await page.$$('.alike tbody tr')).length, 6);
    await press('Put that in');
    await page.waitForFunction(() => document.querySelector('.big').textContent.includes('well'));
    await page.$eval(age, field => field.select());
    await page.keyboard.press('Delete');
    await page.waitForSelector('.field.open');
    await press('Usual values');
    await page.waitForFunction(() => !document.querySelector('.field.open') && document.querySelector('.big:not(.faint)'));
  },

  async 'the loop with rows: wrong, corrected, learned, live'(reader) {
    await reader.choose('ward');
    await loop(reader, AGES.map(age => ['ill', String(age)]), age => reader.type('.field input[type=number]', age));
  },

  async 'texts and rows that are deferred are answered from the queue by a key'({ page, choose, type, press, go, gone, text }) {
    for (const [model, field, words, key] of [['films', '.sheet textarea', 'xyzzy plugh', 'b'], ['ward', '.field input[type=number]', '50', 'w']]) {
      await choose(model);
      await type(field, words);
      await page.waitForSelector('.big.defers');
      await press('Leave it in the queue');
      await page.waitForSelector('.said');
      await go('queue');
      await page.waitForSelector('.case');
      assert.ok((await text('.case')).includes(words), model);
      await page.keyboard.press(key);
      await gone('.case');
    }
  },

  async 'a text and a row flow through their networks'({ page, choose, type, go }) {
    await choose('films');
    await type('.sheet textarea', 'a dull film');
    await go('network');
    await page.waitForSelector('.tokens canvas');
    assert.equal((await page.$$('.read span')).length, 3);
    await choose('ward');
    await go('network');
    await page.waitForSelector('.under');
    assert.ok((await page.$$('.maps canvas')).length >= 3);
  },

  async 'a language model writes on, and the same again'({ page, choose, press, text, go }) {
    await choose('verse');
    await page.waitForSelector('.write');
    assert.equal(await page.$('nav a[href="#/queue"]'), null, 'nobody corrects a language model');
    const field = '.sheet textarea', value = () => page.$eval(field, f => f.value);
    await page.focus(field);
    await page.keyboard.type('the old ');
    await page.keyboard.down('Control');
    await page.keyboard.press('Enter');
    await page.keyboard.up('Control');
    await page.waitForFunction(() => document.querySelector('mark.fresh') && document.querySelector('.controls .primary').textContent === 'Continue');
    const first = await value();
    assert.match(first, /^the old (cat|dog|owl)/);
    await page.$eval(field, (f, words) => ((f.value = words), f.dispatchEvent(new InputEvent('input', { bubbles: true }))), 'the old ');
    await press('Continue');
    await page.waitForFunction(words => document.querySelector('.sheet textarea').value === words, {}, first); // the same seed
    await press('Rewrite');
    await page.waitForFunction(words => document.querySelector('.controls .primary').textContent === 'Continue' && document.querySelector('.sheet textarea').value !== words, {}, first);
    await go('network');
    await page.waitForSelector('.layers li');
    await choose('digits');
    await page.waitForSelector('.pad canvas');
    assert.match(await text('nav'), /Try/);
  },

  async 'what a language model writes is kept when it is stopped'({ page, choose, press }) {
    await choose('verse');
    await page.waitForSelector('.write');
    // A model that never ends: the real one may be done before a reader can press.
    await page.evaluate(() => {
      const real = window.fetch, event = new TextEncoder().encode('data: {"choices":[{"text":"x","finish_reason":null}]}\n\n');
      window.fetch = (url, options) => {
        if (!String(url).includes('/v1/completions')) return real(url, options);
        const body = new ReadableStream({
          start(stream) {
            const timer = setInterval(() => stream.enqueue(event), 20);
            options.signal.addEventListener('abort', () => (clearInterval(timer), stream.error(new DOMException('', 'AbortError'))));
          },
        });
        return Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }));
      };
      window.back = () => (window.fetch = real);
    });
    const value = () => page.$eval('.sheet textarea', f => f.value);
    for (const stop of [() => press('Stop'), () => page.keyboard.press('Escape')]) {
      await press('Continue');
      await page.waitForFunction(() => document.querySelector('.sheet textarea').value.endsWith('xxx'));
      await page.focus('.sheet textarea');
      await stop();
      await page.waitForFunction(() => document.querySelector('.controls .primary').textContent === 'Continue');
      const kept = await value();
      await new Promise(done => setTimeout(done, 300));
      assert.match(kept, /xxx$/);
      assert.equal(await value(), kept, 'nothing is written after the stop');
      assert.equal(await page.$('.trouble'), null, 'to stop is no trouble');
    }
    await page.evaluate(() => window.back());
    await choose('digits');
    await page.waitForSelector('.pad canvas');
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

function tell(what, taken) {
  taken.sort((a, b) => a - b);
  const ms = share => taken[Math.floor(share * (taken.length - 1))].toFixed(1);
  console.log(`${what} is answered in ${ms(0.5)} ms (median of ${taken.length}; ${ms(0)} to ${ms(1)})`);
}

/** Milliseconds from the end of a stroke, or from a letter, to its answer on the page. */
async function measure({ page, milliseconds, choose }) {
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
  tell('a stroke', taken);

  await choose('films');
  await page.focus('.sheet textarea');
  const letters = [];
  for (const letter of 'the film was dull but its music') {
    const answered = page.waitForResponse(r => r.url().includes('/look'));
    await page.keyboard.type(letter);
    await answered;
    await new Promise(done => setTimeout(done, 50));
    letters.push(await milliseconds());
  }
  tell('a letter', letters);
  await choose('digits');
}

/** Every view of every model; each of light and dark, English and Chinese on a desk and on a phone. */
async function photograph(browser, url, folder) {
  await mkdir(folder, { recursive: true });
  const FILL = {
    digits: (reader, phone) => reader.write(WRITTEN[phone ? 8 : 3][1]),
    films: reader => reader.type('.sheet textarea', 'the story was great, but its actors were dull, the music weak — and all of it slow'),
    ward: reader => reader.type('.field input[type=number]', '47'),
    verse: async reader => {
      await reader.page.type('.sheet textarea', 'the old ');
      await reader.page.click('.controls .primary');
      await reader.page.waitForSelector('mark.fresh');
    },
  };
  for (const [phone, theme, language] of [[false, 'light', 'en'], [false, 'dark', 'zh'], [true, 'light', 'zh'], [true, 'dark', 'en']])
    for (const [model, fill] of Object.entries(FILL)) {
      const reader = await open(browser, url, { phone, theme, language, model });
      const name = `${model}-${phone ? 'phone' : 'desktop'}-${theme}-${language}`;
      const shoot = async view => {
        await new Promise(done => setTimeout(done, 700));
        const wide = await reader.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${name} ${view} is ${wide} too wide`);
        await reader.page.screenshot({ path: join(folder, `${name}-${view}.png`), fullPage: true });
      };
      await shoot('empty');
      await fill(reader, phone);
      for (const view of ['try', ...(model === 'verse' ? [] : ['queue', 'learn']), ...(model === 'digits' ? ['runs'] : []), 'network']) {
        await reader.go(view);
        await shoot(view);
      }
      assert.deepEqual(reader.complaints, []);
      await reader.page.close();
    }
}

/** The report of each run draws all of its sections, in both languages, and no wider than the window; curves run along epochs or time. */
async function reports(browser, folder) {
  const timed = new Set();  // whose curves may run along time: those of more than one epoch
  for (const name of REPORTS) {
    const page = await browser.newPage();
    const complaints = [];
    page.on('pageerror', error => complaints.push(error.message));
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: 900 });
      await page.goto(pathToFileURL(join(place, 'runs', name, 'report.html')).href);
      for (const language of ['English', '中文']) {
        const button = await page.$(`xpath/.//button[normalize-space(text())=${JSON.stringify(language)}]`);
        assert.ok(button, `${name}: ${complaints}`);
        await button.click();
        const sections = await page.$$eval('section', all => all.map(section => section.id));
        for (const id of ['summary', 'training', 'network', 'recipe']) assert.ok(sections.includes(id), `${name} shows ${sections}, ${id} is missing`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `the report of ${name} is ${wide} too wide at ${width}`);
        const axis = () => page.$eval('#training svg text.label', label => label.textContent);
        if (await page.$('.along')) {
          timed.add(name);
          for (const [way, unit] of [[2, /^(Seconds|Minutes|秒|分钟)$/], [1, /^(Epoch|轮次)$/]]) {
            await page.$eval(`.along button:nth-child(${way})`, choice => choice.click());
            assert.match(await axis(), unit, name);
          }
        }
        if (folder) await page.screenshot({ path: join(folder, `report-${name}-${width}-${language === 'English' ? 'en' : 'zh'}.png`), fullPage: true });
      }
    }
    assert.deepEqual(complaints, [], name);
    await page.close();
  }
  assert.ok(timed.size > 0, 'no report offers its curves by time');
  const page = await browser.newPage(), complaints = [];
  page.on('pageerror', error => complaints.push(error.message));
  await page.goto(pathToFileURL(join(place, 'searches', 'search', 'search.html')).href);
  const sections = await page.$$eval('section', all => all.map(section => section.id));
  assert.deepEqual(complaints, [], 'the page of a search');
  assert.ok(sections.length > 4, `the page of a search shows ${sections}`);
  await page.close();
}

const { url, server } = await serve(program, place);
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
  await reports(browser, pictures);
  console.log('ok: the reports of all kinds are drawn');
} finally {
  await browser?.close();
  server.removeAllListeners('exit');
  server.kill('SIGTERM');
  await rm(place, { recursive: true, force: true });
}
