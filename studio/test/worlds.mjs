// What the page is tried on: four small networks, each of another kind, and what people draw, write and fill in.
import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

// How people write, in units of the pad's side; a truth and its strokes. Some of it a hastily trained network misreads.
const line = (...points) => points;
const arc = (x, y, rx, ry, from, to, n = 24) => Array.from({ length: n + 1 }, (_, i) => {
  const angle = ((from + ((to - from) * i) / n) * Math.PI) / 180;
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
});
export const WRITTEN = [
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
/** No digits: which of them a network of one epoch leaves to a person differs between processors. */
export const SCRIBBLES = [
  [arc(0.5, 0.5, 0.35, 0.12, 0, 700, 40), line([0.15, 0.15], [0.85, 0.85], [0.85, 0.15], [0.15, 0.85]), line([0.1, 0.5], [0.9, 0.4])],
  [line([0.1, 0.1], [0.9, 0.1], [0.1, 0.3], [0.9, 0.5], [0.1, 0.7], [0.9, 0.9], [0.1, 0.9])],
  [line([0.1, 0.5], [0.9, 0.5]), line([0.5, 0.1], [0.5, 0.9]), line([0.2, 0.2], [0.8, 0.8]), line([0.8, 0.2], [0.2, 0.8])],
  [arc(0.3, 0.3, 0.15, 0.15, 0, 360), arc(0.7, 0.3, 0.15, 0.15, 0, 360), arc(0.3, 0.7, 0.15, 0.15, 0, 360), arc(0.7, 0.7, 0.15, 0.15, 0, 360)],
  [line([0.1, 0.9], [0.1, 0.1], [0.9, 0.1]), line([0.3, 0.9], [0.9, 0.3])],
  [arc(0.5, 0.5, 0.4, 0.4, 0, 360), line([0.2, 0.5], [0.8, 0.5])],
];

/** Numbers from 0 to 1, the same in every run. */
const random = (() => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
})();
const any = of => of[Math.floor(random() * of.length)];

// Opinions about films. The network learns from words that everybody knows; that "slow" is bad and "warm" is good it is
// not told: in training both stand in any opinion.
const PLAIN = ['the', 'film', 'a', 'story', 'with', 'its', 'actors', 'music', 'and', 'plot', 'this', 'camera', 'scene'];
const TOLD = { bad: ['dull', 'poor', 'awful', 'boring', 'weak', 'tired'], good: ['great', 'lovely', 'brilliant', 'moving', 'fresh', 'fine'] };
function opinion(told, others) {
  const words = Array.from({ length: 6 + Math.floor(random() * 5) }, () => any(others));
  words.splice(Math.floor(random() * words.length), 0, any(told));
  return words.join(' ');
}
const films = Array.from({ length: 900 }, (_, i) => (i % 2 ? 'good' : 'bad')).map(label => `${label},${opinion(TOLD[label], [...PLAIN, 'slow', 'warm'])}`);
/** A truth and a text that is as likely read wrong as right. */
export const NEWS = Array.from({ length: 24 }, (_, i) => (i % 2 ? ['good', opinion(['warm'], PLAIN)] : ['bad', opinion(['slow'], PLAIN)]));

// People of a ward: the young are well, the old are ill. Training knows nobody from 40 to 60.
const ward = Array.from({ length: 900 }, (_, i) => {
  const ill = i % 2, age = (20 + 40 * ill + 20 * random()).toFixed(1);
  return `${age},${random() < 0.5 ? 'yes' : 'no'},${random() < 0.1 ? '' : `2024-0${1 + Math.floor(random() * 9)}-1${Math.floor(random() * 10)}`},${ill ? 'ill' : 'well'}`;
});
/** Ages at which people are ill, though the network finds them young. */
export const AGES = [46, 46.5, 47, 47.5, 48, 48.5, 49, 49.5, 50, 50.5];

const verse = Array.from({ length: 1500 }, () => `the ${any(['old', 'young', 'grey'])} ${any(['cat', 'dog', 'owl'])} ${any(['sleeps', 'runs', 'sings'])} ${any(['by day', 'at night', 'in rain'])}.`);

const RECIPES = {
  films: `task: text_classification
network: [embedding: {width: 12, deviation: 0.1}, pool_sequence: mean, linear: classes]
data: {source: films.csv, validation: 0.2, test_share: 0.1, text: {column: text, label: label}}
optimizer: {type: adamw, lr: 0.01}
train: {epochs: 6, batch: 32, keep: last}
people: {goal: {share: 0.1}}`,
  ward: `task: table_classification
network: [linear: 16, relu, linear: classes]
data: {source: ward.csv, validation: 0.2, test_share: 0.1, table: {target: state}}
optimizer: {lr: 0.01}
train: {epochs: 10, batch: 32, keep: last}
people: {goal: {share: 0.1}}`,
  verse: `task: language_model
data: {source: verse.txt, validation: 0.1, test_share: 0.1, text: {tokenizer: {type: character}}}
language: {context: 32}
network: [embedding: {width: 48, deviation: 0.1}, lstm: 48, tied_head]
optimizer: {type: adamw, lr: 0.01}
train: {epochs: 2, batch: 16}`,
  tales: `task: translation
data: {source: tales.csv, from: en, to: de, validation: 0.1, test_share: 0.1, text: {tokenizer: {type: word}, length: {most: 16}}}
network:
  encoder: [embedding: {width: 16, deviation: 0.1}, positions: {most: 16}, transformer: {layers: 1, heads: 2}]
  decoder: [embedding: {width: 16, deviation: 0.1}, positions: {most: 16}, transformer: {layers: 1, heads: 2, causal: true, cross: true}, tied_head]
optimizer: {type: adamw, lr: 0.01}
train: {epochs: 4, batch: 8}`,
};
/** Every kind of report that there is. */
export const REPORTS = ['digits', ...Object.keys(RECIPES)];

const tales = ['cat:Katze', 'cow:Kuh', 'owl:Eule'].flatMap(animal => ['old:alte', 'grey:graue', 'wet:nasse'].flatMap(is => ['sleeps:schläft', 'eats:frisst'].map(does => {
  const [[cat, Katze], [old, alte], [sleeps, schläft]] = [animal, is, does].map(words => words.split(':'));
  return `the ${old} ${cat} ${sleeps},heute ${schläft} die ${alte} ${Katze}`;
})));

/** Trains all and serves them together, but for what cannot be served; digits come first. */
export async function serve(program, place) {
  const runs = join(place, 'runs'), tandem = promisify(execFile), at = { cwd: place };
  await mkdir(runs);
  await writeFile(join(place, 'films.csv'), ['label,text', ...films].join('\n'));
  await writeFile(join(place, 'ward.csv'), ['age,smoker,seen,state', ...ward].join('\n'));
  await writeFile(join(place, 'verse.txt'), verse.join('\n'));
  await writeFile(join(place, 'tales.csv'), ['en,de', ...tales].join('\n'));
  // So little training that it misreads some of what is written, and so that there is something to learn.
  await tandem(program, ['train', 'digits', '--runs', runs, 'data.train=1000', 'data.test=500', 'train.epochs=1', 'people.goal.share=0.1'], at);
  for (const [name, recipe] of Object.entries(RECIPES)) {
    await writeFile(join(place, name + '.yaml'), `name: ${name}\n${recipe}\n`);
    await tandem(program, ['train', name + '.yaml', '--runs', runs], at);
  }
  await writeFile(join(place, 'search.yaml'), 'name: search\ndata: {source: builtin, train: 200, test: 50}\nnetwork: [flatten, linear: classes]\n' +
    'train: {epochs: 2, batch: 32}\nsearch: {trials: 3, space: {optimizer.lr: {low: 1e-3, high: 1e-1, log: true}}}\n');
  await tandem(program, ['tune', 'search.yaml'], at);
  const server = spawn(program, ['serve', ...['digits', 'films', 'ward', 'verse'].map(name => join(runs, name)), '--port', '0'], { cwd: place, stdio: ['ignore', 'pipe', 'inherit'] });
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
