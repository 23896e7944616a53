// Start.

readAddress();
if (predicted) {
  link("numbers", "Numbers");
  link("map", "Where");
  link("workloads", "Workloads", report.workloads.length);
  drawAsked();
  drawNumbers();
  drawMap();
  drawFilters();
  drawList();
}
drawStages();
drawRehearsal();
drawPolicies();
drawScan();
drawGaps();
drawRest();
for (const f of watchers) f();
window.addEventListener("hashchange", () => { if (location.hash.startsWith("#?")) { readAddress(); for (const f of watchers) f(); } });
window.addEventListener("beforeprint", () => { for (const node of document.querySelectorAll("#list details.row")) node.open = true; });
