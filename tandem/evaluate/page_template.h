// The frame and the looks of report.html. Colours: blue for right, orange for wrong, which all common kinds of colour
// blindness tell apart; light and dark by the reader's system or by choice; white paper when printed.
#pragma once
#include <string_view>

namespace tandem::evaluate {

/// The policy forbids every request: the page is complete, and what stands in it cannot call out.
inline constexpr std::string_view page_head = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<script>
document.documentElement.dataset.theme = (() => {
  try { const t = localStorage.getItem('tandem.theme'); if (t === 'light' || t === 'dark') return t; } catch {}
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
})();
</script>
)html";

inline constexpr std::string_view page_body = R"html(<body>
<svg id="ns" width="0" height="0" aria-hidden="true"></svg>
<a class="skip" href="#main"></a>
<div class="frame">
<header class="top" id="top"></header>
<nav class="toc" id="toc"></nav>
<main id="main" tabindex="-1"></main>
<footer id="foot"></footer>
</div>
<div class="tip" id="tip" role="status" hidden></div>
)html";

inline constexpr std::string_view page_style = R"css(
:root {
  --paper: #ffffff; --panel: #f5f6f8; --ink: #171b20; --soft: #59636e; --faint: #8b95a0; --line: #e3e6ea;
  --good: 0 98 168; --bad: 190 74 0; --accent: rgb(var(--good)); --wrong: rgb(var(--bad)); --on-fill: #ffffff;
  --c0: #0062a8; --c1: #be4a00; --c2: #00795a; --c3: #a8407e; --c4: #7a6100; --c5: #2a8fc4; --c6: #5b3f98; --c7: #4d565f;
  color-scheme: light;
}
:root[data-theme=dark] {
  --paper: #111417; --panel: #1a1e22; --ink: #e8ebee; --soft: #9da7b1; --faint: #737d87; --line: #2a3036;
  --good: 86 176 232; --bad: 244 148 78; --on-fill: #0c0e10;
  --c0: #56b0e8; --c1: #f4944e; --c2: #2fbf97; --c3: #e08cc0; --c4: #d9bd45; --c5: #9bd0f0; --c6: #b5a0ea; --c7: #aab3bc;
  color-scheme: dark;
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } * { transition: none !important; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Microsoft YaHei",
    "Noto Sans CJK SC", "Noto Sans SC", sans-serif;
  font-variant-numeric: tabular-nums lining-nums; overflow-wrap: break-word;
}
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; }
h1, h2, h3, p, ul, ol, dl, dd, figure, pre { margin: 0; padding: 0; }
ul, ol { list-style: none; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 12px; z-index: 9; background: var(--paper); padding: 6px 12px; }

.frame {
  max-width: 1240px; margin: 0 auto; padding: 0 40px; display: grid; column-gap: 64px;
  grid-template-columns: 148px minmax(0, 1fr); grid-template-areas: "top top" "toc main" "foot foot";
}
.top { grid-area: top; display: flex; flex-wrap: wrap; gap: 20px 40px; align-items: flex-start;
  justify-content: space-between; padding: 44px 0 32px; }
.top h1 { font-size: 32px; line-height: 1.2; font-weight: 680; letter-spacing: -.015em; }
.top .about { color: var(--soft); margin-top: 8px; }
.top .about span { display: inline-block; max-width: 100%; overflow-wrap: anywhere; }
.top .about span:not(:last-child)::after { content: "·"; margin: 0 .5em; color: var(--faint); }
.switches { display: flex; flex-wrap: wrap; gap: 10px; }
.switch { display: inline-flex; border: 1px solid var(--line); border-radius: 7px; overflow: hidden; }
.switch button { padding: 3px 11px; font-size: 13px; color: var(--soft); }
.switch button + button { border-left: 1px solid var(--line); }
.switch button[aria-pressed=true] { background: var(--panel); color: var(--ink); font-weight: 600; }
.switch button:focus-visible { outline-offset: -2px; }
.along { margin: 20px 0 16px; }
.toc { grid-area: toc; }
.toc ol { position: sticky; top: 28px; padding-top: 4px; }
.toc a { display: block; padding: 4px 0; color: var(--soft); text-decoration: none; font-size: 14px; line-height: 1.45; }
.toc a:hover, .toc a.here { color: var(--ink); }
.toc a.here { font-weight: 600; }
main { grid-area: main; min-width: 0; }
section { padding-bottom: 68px; scroll-margin-top: 24px; }
section > h2 { font-size: 20px; line-height: 1.3; font-weight: 660; letter-spacing: -.005em; padding-top: 22px;
  border-top: 1px solid var(--line); }
section > .lead { color: var(--soft); max-width: 68ch; margin-top: 4px; text-wrap: pretty; }
section > .lead + *, section > h2 + *:not(.lead) { margin-top: 24px; }
h3 { font-size: 14px; font-weight: 620; }
.note { color: var(--soft); font-size: 13.5px; }
.remarks { background: var(--panel); border-radius: 8px; padding: 12px 20px; margin-top: 16px; font-size: 14px; }
.remarks ul { margin: 6px 0; padding-left: 20px; }
footer { grid-area: foot; border-top: 1px solid var(--line); padding: 20px 0 44px; color: var(--soft); font-size: 13px; }
footer p + p { margin-top: 4px; }
.right { color: var(--accent); } .wrong { color: var(--wrong); }
.scroll { overflow: auto; }

.plain { border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; font-size: 13px; color: var(--soft); background: var(--paper); }
.plain:hover { color: var(--ink); border-color: var(--faint); }

svg text { fill: var(--soft); font-size: 12px; }
svg .label { fill: var(--soft); }
svg .axis { stroke: var(--line); fill: none; shape-rendering: crispEdges; }
svg .base { stroke: var(--faint); fill: none; shape-rendering: crispEdges; }
svg .dashed { stroke: var(--faint); stroke-dasharray: 3 4; fill: none; }
svg .series { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
svg .strong { font-weight: 600; }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round; }
.chart { position: relative; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; touch-action: pan-y; }
.tip { position: absolute; z-index: 5; pointer-events: none; background: var(--ink); color: var(--paper); border-radius: 6px;
  padding: 6px 10px; font-size: 12.5px; line-height: 1.5; max-width: 280px; white-space: pre-line; }
.tip[hidden] { display: none; }

@media (max-width: 1080px) {
  .frame { grid-template-columns: minmax(0, 1fr); grid-template-areas: "top" "toc" "main" "foot"; padding: 0 28px; }
  .top { padding: 28px 0 16px; }
  .toc { position: sticky; top: 0; z-index: 4; background: var(--paper); border-bottom: 1px solid var(--line); margin: 0 -28px 20px; }
  .toc ol { position: static; display: flex; gap: 20px; overflow-x: auto; padding: 0 28px; scrollbar-width: none; }
  .toc ol::-webkit-scrollbar { display: none; }
  .toc a { white-space: nowrap; padding: 11px 0 9px; border-bottom: 2px solid transparent; }
  .toc a.here { border-color: var(--accent); }
  section { scroll-margin-top: 56px; padding-bottom: 56px; }
  section:first-child > h2 { border-top: 0; padding-top: 0; }
}
@media (max-width: 560px) {
  .frame { padding: 0 18px; }
  .toc { margin: 0 -18px 16px; } .toc ol { padding: 0 18px; }
  .top h1 { font-size: 26px; }
}
)css";

inline constexpr std::string_view page_style_sections = R"css(
.figures { display: grid; grid-template-columns: minmax(250px, 1.5fr) repeat(3, minmax(0, 1fr)); gap: 26px 32px; align-items: start; }
.figures .hero { grid-row: span 2; }
.figures dt { color: var(--soft); font-size: 13.5px; }
.figures dd { font-size: 24px; line-height: 1.25; font-weight: 620; letter-spacing: -.01em; }
.figures .hero dd { font-size: 56px; line-height: 1.1; font-weight: 680; letter-spacing: -.03em; }
.figures dd small { display: block; font-size: 13px; line-height: 1.45; font-weight: 400; letter-spacing: 0; color: var(--soft); margin-top: 2px; }
.share { display: block; height: 6px; border-radius: 3px; overflow: hidden; background: rgb(var(--bad) / .8); max-width: 230px; margin: 10px 0 8px; }
.share i { display: block; height: 100%; background: var(--accent); border-right: 2px solid var(--paper); }
.words { margin-top: 32px; max-width: 68ch; font-size: 16.5px; line-height: 1.65; text-wrap: pretty; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 36px 40px; }
.charts h3 { margin-bottom: 8px; }
.charts .wide { grid-column: 1 / -1; }
details { margin-top: 24px; }
details summary { cursor: pointer; color: var(--soft); font-size: 13.5px; }
details[open] summary { margin-bottom: 10px; }

table.rows { border-collapse: collapse; width: 100%; font-size: 14px; }
table.rows th { font-weight: 500; color: var(--soft); font-size: 13px; text-align: right; padding: 6px 0 6px 18px; white-space: nowrap;
  position: sticky; top: 0; background: var(--paper); box-shadow: inset 0 -1px var(--line); }
table.rows small.range { display: block; color: var(--soft); font-size: 12px; }
table.rows td { text-align: right; padding: 5px 0 5px 18px; border-bottom: 1px solid var(--line); white-space: nowrap; }
table.rows th:first-child, table.rows td:first-child { text-align: left; padding-left: 0; }
table.rows td:first-child { white-space: normal; min-width: 5em; }
table.rows tfoot td { color: var(--soft); border-bottom: 0; }
table.rows tfoot tr:first-child td { padding-top: 10px; }
table.rows th button { color: inherit; }
table.rows th button:hover, table.rows th[aria-sort] button { color: var(--ink); }
table.rows th[aria-sort=descending] button::before { content: "↓ "; }
table.rows th[aria-sort=ascending] button::before { content: "↑ "; }
.meter { display: inline-block; width: 64px; height: 5px; border-radius: 3px; background: var(--line); margin-left: 10px; vertical-align: middle; overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--accent); }
.rows th.strip { min-width: 92px; } .rows th.strip span + span { float: right; } .rows th.strip span:first-child { float: left; }
.rows td.strip { padding-right: 4px; }
.rows td.strip div { position: relative; height: 2px; background: var(--line); }
.rows td.strip i { position: absolute; top: -3px; width: 8px; height: 8px; margin-left: -4px; border-radius: 50%; background: var(--accent); }
.tall { max-height: 560px; }

.confusion { display: grid; grid-template-columns: minmax(0, var(--matrix)) minmax(220px, 1fr); gap: 36px 44px; align-items: start; }
.confusion .axis-y { display: flex; gap: 18px; color: var(--soft); font-size: 12.5px; margin-bottom: 6px; }
.matrix { border-collapse: separate; border-spacing: 2px; table-layout: fixed; width: 100%; font-size: 12.5px; }
.matrix th { font-weight: 500; color: var(--soft); font-size: 12.5px; padding: 0 2px; }
.matrix thead th { vertical-align: bottom; height: 24px; }
.matrix thead th span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.matrix.long thead th span { writing-mode: vertical-rl; text-orientation: sideways; transform: rotate(180deg); max-height: 120px; margin: 0 auto; }
.matrix tbody th { text-align: right; padding-right: 7px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.matrix.short thead th span { white-space: normal; line-height: 1.3; padding-bottom: 4px; } .matrix.short { font-size: 15px; }
.matrix.short tbody th { white-space: normal; line-height: 1.3; }
.confusion.stacked { grid-template-columns: minmax(0, 1fr); }
.stacked > .panel { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 28px 44px; } .stacked .mixups { margin-top: 0; }
.matrix td { padding: 0; height: 0; background: var(--panel); border-radius: 3px; }
.matrix td.filled { background: none; }
.matrix td button { display: grid; place-items: center; width: 100%; aspect-ratio: 1; min-height: 24px; border-radius: 3px; }
.matrix td button.full { color: var(--on-fill); }
.matrix td button[aria-pressed=true] { outline: 2px solid var(--ink); outline-offset: 1px; }
.matrix td button:hover { outline: 1.5px solid var(--faint); outline-offset: 0; }
.heat { max-width: 620px; touch-action: manipulation; cursor: crosshair; }
.heat rect.ground { fill: var(--panel); }
.heat rect.pick { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.cell h3 { font-size: 22px; line-height: 1.3; font-weight: 640; display: flex; flex-wrap: wrap; gap: 0 10px; align-items: baseline; }
.cell h3 .to { color: var(--faint); font-weight: 400; }
.cell p { color: var(--soft); font-size: 14px; margin-top: 2px; }
.cell .faces { margin-top: 14px; }
.faces { display: flex; flex-wrap: wrap; gap: 12px 10px; }
.faces figcaption { font-size: 12px; line-height: 1.4; color: var(--soft); margin-top: 3px; }
.tile { display: block; background-repeat: no-repeat; border-radius: 3px; box-shadow: 0 0 0 1px var(--line);
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.tile.small { image-rendering: pixelated; }
.mixups { margin-top: 28px; }
.mixups li { border-bottom: 1px solid var(--line); }
.mixups button { display: grid; grid-template-columns: minmax(0, 1fr) 90px 3.5em; gap: 12px; width: 100%; align-items: center;
  padding: 5px 0; font-size: 14px; }
.mixups button:hover, .mixups button[aria-pressed=true] { color: var(--wrong); }
.mixups .bar { height: 5px; border-radius: 3px; background: rgb(var(--bad) / .75); justify-self: start; }
.mixups .count { text-align: right; }
.quotes li { padding: 8px 0; border-bottom: 1px solid var(--line); font-size: 14px; }
.quotes small { display: block; color: var(--soft); font-size: 12.5px; }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(122px, 1fr)); gap: 26px 20px; }
.answer { margin-top: 8px; line-height: 1.35; font-size: 13.5px; display: flex; flex-wrap: wrap; gap: 0 10px; } .quotes .answer { margin-top: 2px; }
.answer b { font-weight: 620; }
.answer + small { color: var(--soft); font-size: 12px; display: flex; flex-wrap: wrap; gap: 0 8px; }

.legend { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 22px; max-height: 172px; overflow: auto; padding: 3px; }
.legend button { border: 1px solid var(--line); border-radius: 6px; padding: 1px 9px; font-size: 13px; }
.legend button i { display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin-right: 7px; vertical-align: middle; }
.legend button span { color: var(--soft); margin-left: 7px; }
.legend button[aria-pressed=true] { border-color: var(--ink); }
.curve { fill: none; stroke: var(--faint); stroke-width: 1.25; stroke-linejoin: round; opacity: .55; }
.few .curve { stroke-width: 1.75; opacity: 1; } .few.picked .curve { opacity: .22; }
.curve.on, .few.picked .curve.on { stroke-width: 2.5; opacity: 1; } .many.crowd .curve { opacity: .28; } .many.crowd .curve.on { opacity: 1; } .many .curve.on { stroke: var(--accent); }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; flex-wrap: wrap; }
section > h2 + .head { margin-top: 4px; } .head .lead { color: var(--soft); } .head + * { margin-top: 24px; }

.calibration { display: grid; grid-template-columns: minmax(0, 420px) minmax(0, 1fr); gap: 36px 32px; align-items: start; }
.bin { fill: rgb(var(--good) / .28); } .bin-top { stroke: var(--accent); stroke-width: 2; }
.gap { fill: rgb(var(--bad) / .3); } .count-bar { fill: var(--faint); opacity: .55; }
.bins g:hover .bin { fill: rgb(var(--good) / .45); }

.layers { max-width: 760px; }
.layers li { position: relative; display: grid; grid-template-columns: 58px minmax(0, 1.3fr) minmax(0, 1fr) minmax(110px, .8fr); gap: 16px;
  align-items: center; border: 1px solid var(--line); border-radius: 8px; padding: 8px 16px; min-height: 58px; }
.layers li + li { margin-top: 16px; }
.layers li + li::before { content: ""; position: absolute; left: 44px; top: -17px; height: 16px; border-left: 1.5px solid var(--faint); }
.layers .kind { font-weight: 600; line-height: 1.35; } .layers small { color: var(--soft); font-size: 12.5px; display: block; }
.layers .parameters { text-align: right; } .layers .meter { display: block; width: 100%; margin: 4px 0 0; }
.layers .block { fill: rgb(var(--good) / .22); stroke: var(--accent); stroke-width: 1; stroke-linejoin: round; }
.layers .block.side { fill: rgb(var(--good) / .42); }

.recipe { position: relative; }
.recipe pre { background: var(--panel); border-radius: 8px; padding: 18px 20px; font-size: 13px; line-height: 1.6; overflow: auto; max-height: 620px; tab-size: 2; }
.recipe .plain { position: absolute; top: 12px; right: 12px; }
.recipe .key { color: var(--accent); } .recipe .remark { color: var(--soft); }
.steps li { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr) auto; gap: 6px 24px; align-items: center; padding: 9px 0;
  border-bottom: 1px solid var(--line); }
.steps code { font-size: 13px; overflow-wrap: anywhere; }

@media (max-width: 900px) {
  .confusion, .calibration { grid-template-columns: minmax(0, 1fr); }
  .figures { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .figures .hero { grid-row: auto; grid-column: 1 / -1; }
}
@media (max-width: 680px) {
  .charts { grid-template-columns: minmax(0, 1fr); }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 22px 20px; }
  .figures dd { font-size: 21px; }
  .matrix { border-spacing: 1px; font-size: 11.5px; }
  .gallery { grid-template-columns: repeat(auto-fill, minmax(88px, 1fr)); gap: 20px 12px; }
  .answer + small { display: block; } .answer + small span { display: block; }
  .layers li { grid-template-columns: 44px minmax(0, 1fr) auto; gap: 2px 12px; padding: 8px 12px; }
  .layers .block-cell { grid-row: 1 / span 2; } .layers .parameters { grid-row: 1 / span 2; grid-column: 3; min-width: 74px; }
  .layers .kind, .layers .kind + small { display: inline; } .layers .kind + small { margin-left: 8px; }
  .recipe pre { padding-top: 48px; }
  table.rows { font-size: 13px; } table.rows th, table.rows td { padding-left: 12px; } .rows .strip, .rows .aside { display: none; }
  .layers li + li::before { left: 34px; }
  .steps li { grid-template-columns: minmax(0, 1fr) auto; } .steps .purpose { grid-column: 1 / -1; grid-row: 1; }
}
@media print {
  :root, :root[data-theme=dark] {
    --paper: #fff; --panel: #f3f4f6; --ink: #000; --soft: #444; --faint: #777; --line: #ccc; --good: 0 98 168; --bad: 190 74 0;
    --on-fill: #fff; --c0: #0062a8; --c1: #be4a00; --c2: #00795a; --c3: #a8407e; --c4: #7a6100; --c5: #2a8fc4; --c6: #5b3f98; --c7: #4d565f;
    color-scheme: light;
  }
  body { font-size: 10.5pt; }
  .frame { display: block; padding: 0; max-width: none; }
  .toc, .switches, .plain, .tip, .skip, details:not([open]) { display: none !important; }
  .top { padding-top: 0; }
  section { padding-bottom: 26px; } section > h2 { break-after: avoid; }
  figure, li, tr, .chart, .matrix { break-inside: avoid; }
  .scroll, .tall, .legend, .recipe pre { max-height: none; overflow: visible; } .recipe pre { white-space: pre-wrap; }
  .confusion { grid-template-columns: minmax(0, 110mm) minmax(0, 1fr); gap: 8mm; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

}  // namespace tandem::evaluate
