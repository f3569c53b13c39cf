import { defineConfig, type Plugin } from 'vite';

/** Puts script and style into the page, so that one file is all of it. */
const oneFile = (): Plugin => ({
  name: 'one-file',
  enforce: 'post',
  generateBundle(_, bundle) {
    const page = bundle['index.html'];
    if (page?.type !== 'asset') throw new Error('no index.html was built');
    let html = String(page.source);
    for (const [name, part] of Object.entries(bundle)) {
      if (part === page) continue;
      const code = part.type === 'chunk' ? part.code : String(part.source);
      const tag = name.endsWith('.css') ? `<style>${code}</style>` : `<script type="module">${code.replaceAll('</script', '<\\/script')}</script>`;
      const reference = new RegExp(`\\s*<(script|link)[^>]*"[^"]*${name.replaceAll('.', '\\.')}"[^>]*>(</script>)?`);
      if (!reference.test(html)) throw new Error(`${name} is not asked for by index.html`);
      // The script waits for the body: it goes to its end.
      html = html.replace(reference, '');
      const mark = name.endsWith('.css') ? '</head>' : '</body>';
      html = html.replace(mark, () => `${tag}\n${mark}`);
      delete bundle[name];
    }
    page.source = html;
  },
});

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [oneFile()],
  build: {
    outDir: 'dist',
    assetsInlineLimit: 1 << 20,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  // npm run dev: the page with the endpoints of a `tandem serve` on its usual port.
  server: { proxy: { '/v2': 'http://127.0.0.1:8080' } },
});
