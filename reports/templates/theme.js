// Light, dark, or as the system says. Nothing is stored: a page that is opened anew asks the system again.
const THEMES = { system: "◐", light: "☀", dark: "☾" };

function show(button, theme) {
  document.documentElement.dataset.theme = theme;
  button.textContent = THEMES[theme];
  button.title = `Colours: ${theme}`;
  button.setAttribute("aria-label", `Colours: ${theme}. Change.`);
  button.dataset.theme = theme;
}

for (const bar of document.querySelectorAll("nav .wrap")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme";
  const names = Object.keys(THEMES);
  button.addEventListener("click", () => show(button, names[(names.indexOf(button.dataset.theme) + 1) % names.length]));
  show(button, "system");
  bar.append(button);
}
