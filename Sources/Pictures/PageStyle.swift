import Diagnostics

/// The looks of the pages.
enum PageStyle {
  static let common = """
    *{box-sizing:border-box}
    html{color-scheme:light dark}
    body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
    h1{font-size:15px;margin:0 8px 0 0}
    h2{font-size:16px;margin:0 0 6px;overflow-wrap:anywhere}
    h3{font-size:13px;margin:14px 0 4px;color:var(--quiet)}
    button,input{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:3px 9px}
    button{cursor:pointer}
    button[aria-pressed=false]{opacity:.45;text-decoration:line-through}
    :focus-visible{outline:2px solid var(--accent);outline-offset:1px}
    .quiet{color:var(--quiet)}
    .dot{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px;border:1px solid var(--plain);background:var(--panel)}
    .dot.run{background:var(--run);border-color:var(--run)}
    .dot.cached{background:var(--cached);border-color:var(--cached)}
    .dot.stale{background:var(--stale);border-color:var(--stale)}
    .dot.failed{background:var(--failed);border-color:var(--failed)}
    .dot.running{background:var(--accent);border-color:var(--accent)}
    pre{overflow:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px;margin:6px 0;font-size:12px}

    """

  /// How the boxes of a graph tell what they are and how they went, on pages and in pictures.
  static let nodes = """
    .node rect{fill:var(--panel);stroke:var(--plain);stroke-width:1.4}
    .node.output rect{stroke-width:2.2}
    .node.source rect,.node.literal rect,.node.folder rect{fill:var(--ground)}
    .node.run rect{stroke:var(--run);fill:var(--run-fill)}
    .node.cached rect{stroke:var(--cached);fill:var(--cached-fill)}
    .node.stale rect{stroke:var(--stale);fill:var(--stale-fill);stroke-dasharray:5 3}
    .node.failed rect{stroke:var(--failed);fill:var(--failed-fill);stroke-width:2.4}
    """

  /// The beginning of a page that needs nothing else, up to its body.
  static func head(title: String, style: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1">
    <title>\(escaped(title))</title>
    <link rel="icon" href="data:,">
    <style>
    \(Colours.style(root: ":root"))\(common)\(style)</style>
    </head>
    """
  }

  static let graph = """
    html,body{height:100%}
    body{display:flex;flex-direction:column}
    header{display:flex;flex-wrap:wrap;gap:8px;align-items:center;padding:8px 12px;border-bottom:1px solid var(--line)}
    .buttons{display:flex;flex-wrap:wrap;gap:4px}
    main{flex:1;display:flex;min-height:0}
    #stage{flex:1;min-width:0;touch-action:none;cursor:grab;user-select:none}
    #stage:focus-visible{outline-offset:-3px}
    aside{width:320px;overflow:auto;border-left:1px solid var(--line);padding:12px}
    @media(max-width:760px){main{flex-direction:column}aside{width:auto;max-height:40%;border-left:0;border-top:1px solid var(--line)}}
    aside p{margin:3px 0;overflow-wrap:anywhere}
    aside ul{list-style:none;margin:0;padding:0}
    aside li button{border:0;background:none;padding:2px 4px;text-align:left;width:100%;overflow-wrap:anywhere}
    aside li button:hover{background:var(--panel)}
    #failures p.error,#failures summary{color:var(--failed);font-weight:600;overflow-wrap:anywhere}
    dl{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:0}
    dt{font-weight:600}
    dd{margin:0}
    svg text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:var(--ink);pointer-events:none}
    svg .count{font-size:10.5px;fill:var(--quiet)}
    .edge{fill:none;stroke:var(--line);stroke-width:1.2}
    .edge.lit{stroke:var(--accent);stroke-width:2;pointer-events:none}
    marker path{fill:var(--line)}
    #tip-lit path{fill:var(--accent)}
    .node{cursor:pointer}
    \(nodes)
    .node.running rect{stroke:var(--accent);fill:var(--run-fill);stroke-width:2.4;animation:beat 1.2s infinite alternate}
    .node.group.open>rect{fill:var(--ground)}
    .node.dim{opacity:.22}
    .node.chosen>rect{stroke:var(--accent);stroke-width:3;stroke-dasharray:none}
    .node.hit>rect{stroke-width:2.6}
    @keyframes beat{to{stroke-opacity:.35}}
    @media(prefers-reduced-motion:reduce){.node.running rect{animation:none}}
    progress{width:160px}
    output{color:var(--quiet)}

    """

  static let report = """
    body{max-width:1180px;margin:0 auto;padding:18px}
    h1{font-size:20px;margin-bottom:4px}
    section{margin:22px 0}
    section>h2{border-bottom:1px solid var(--line);padding-bottom:3px}
    .figures{display:flex;flex-wrap:wrap;gap:10px;padding:0;margin:12px 0;list-style:none}
    .figures li{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px 14px;min-width:110px}
    .figures b{display:block;font-size:19px}
    .chart{overflow-x:auto}
    svg{max-width:none;display:block}
    svg text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:var(--ink)}
    svg .quiet{fill:var(--quiet)}
    .grid{stroke:var(--line);stroke-width:.5;opacity:.6}
    .bar rect{stroke:var(--ground);stroke-width:.6}
    .bar rect.thin{stroke:none}
    .bar text{fill:var(--ground);pointer-events:none}
    .run{fill:var(--run)}
    .cached{fill:var(--cached)}
    .failed{fill:var(--failed)}
    .stale{fill:var(--stale)}
    .critical{stroke:var(--ink)!important;stroke-width:2!important}
    .asked{fill:none;stroke:var(--ink);stroke-width:1.4}
    table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
    th,td{text-align:left;padding:3px 10px 3px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
    th{color:var(--quiet);font-weight:600}
    td.number,th.number{text-align:right;white-space:nowrap}
    .number+:not(.number){padding-left:16px}
    @media print{body{max-width:none}}

    """
}
