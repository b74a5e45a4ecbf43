(function () {
  const element = document.getElementById("crystal");
  const scenes = JSON.parse(document.getElementById("scenes").textContent);
  const linked = document.querySelectorAll("[data-candidate]");
  if (!window.$3Dmol || !document.createElement("canvas").getContext("webgl")) return;
  const view = showCrystals(element, scenes, "{{ inserted_colour }}", (index) => {
    for (const one of linked) one.classList.toggle("chosen", Number(one.dataset.candidate) === index);
  });
  if (!view) return;
  for (const one of linked) {
    one.addEventListener("click", () => view.show(Number(one.dataset.candidate)));
  }
})();
