// Before anything is drawn: the colours that were chosen here, so that nothing flashes.
(() => {
  let kept = null;
  try {
    kept = localStorage.getItem("longembed-theme");
  } catch {
    // Storage can be forbidden; then the system's colours are taken.
  }
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
})();
