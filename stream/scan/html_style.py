"""How a report looks: on a screen, light and dark, on a phone, and on paper."""

from __future__ import annotations

from .html_timeline import STYLE as _TIMELINE

STYLE = (
    """
:root{color-scheme:light dark;--paper:#faf9f6;--card:#fff;--ink:#1b2026;--soft:#5b6673;--line:#e4e1da;--fake:#b3261e;
--uncertain:#8a5a00;--real:#1f6f43;--error:#56616e}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2127;--ink:#e9e7e3;--soft:#a2adba;--line:#30373f;
--fake:#ff8a80;--uncertain:#f0b84e;--real:#6fd19a;--error:#a2adba}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:52rem;margin:auto;padding:2.5rem 1.25rem}h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .6rem}
h2,h3{margin:2.2rem 0 .6rem;font-size:1.15rem}h3{font-size:1rem}p{margin:.4rem 0}.soft{color:var(--soft)}
.verdict{border-left:6px solid;padding-left:1.1rem}.verdict.fake{border-color:var(--fake)}
.verdict.real{border-color:var(--real)}.verdict.uncertain{border-color:var(--uncertain)}
.verdict.error{border-color:var(--error)}a{color:inherit}
ul{padding-left:1.1rem}figure{margin:0 0 1.2rem;break-inside:avoid}.shown{position:relative;width:fit-content}
img{max-width:100%;border-radius:8px;display:block}.shown svg{position:absolute;inset:0;width:100%;height:100%}
rect{fill:none;stroke:#ffb938;stroke-width:4;vector-effect:non-scaling-stroke}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.3rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.4rem .6rem .4rem 0;
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600;white-space:nowrap}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:.82em;overflow-wrap:anywhere}
.ends{display:flex;justify-content:space-between;font-size:.85rem;margin:0}
.counts{display:flex;flex-wrap:wrap;gap:.5rem 1.4rem;list-style:none;padding:0}.counts b{font-size:1.3rem}
.pill{border-radius:99px;padding:.1rem .6rem;font-size:.82rem;font-weight:600;color:var(--paper);white-space:nowrap}
.pill.fake{background:var(--fake)}.pill.real{background:var(--real)}.pill.uncertain{background:var(--uncertain)}
.pill.error{background:var(--error)}
details{margin:1.4rem 0}.top{scroll-margin-top:5rem}summary{cursor:pointer}summary h2{display:inline;margin:0;
overflow-wrap:anywhere}
@media print{body{background:#fff;color:#000}main{padding:0;max-width:none}details{break-before:page}
details::details-content{content-visibility:visible;block-size:auto;display:block}}
"""
    + _TIMELINE
)
