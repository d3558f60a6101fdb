/* Taking a photo with the laptop's camera; without this script a file is chosen instead. */
(function () {
  "use strict";

  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia || !window.DataTransfer) {
    return;
  }
  function prepare(form) {
    const input = form.querySelector("input[type=file]");
    const opener = form.querySelector("[data-camera-open]");
    const camera = form.querySelector("[data-camera]");
    const video = camera.querySelector("video");
    const words = form.querySelector("[data-camera-words]");
    let stream = null;

    function close() {
      if (stream) {
        stream.getTracks().forEach(function (track) { track.stop(); });
      }
      stream = null;
      video.srcObject = null;
      camera.hidden = true;
      opener.hidden = false;
    }

    function keep(blob) {
      if (!blob) {
        words.textContent = words.dataset.failed;
        return;
      }
      // What was chosen or taken before stays chosen.
      const chosen = new DataTransfer();
      Array.from(input.files).forEach(function (file) { chosen.items.add(file); });
      chosen.items.add(new File([blob], "camera-" + (chosen.files.length + 1) + ".jpg", { type: "image/jpeg" }));
      input.files = chosen.files;
      words.textContent = words.dataset.shot;
    }

    opener.hidden = false;
    opener.addEventListener("click", function () {
      navigator.mediaDevices
        .getUserMedia({ video: { width: { ideal: 1600 }, facingMode: "environment" }, audio: false })
        .then(function (given) {
          stream = given;
          video.srcObject = given;
          camera.hidden = false;
          opener.hidden = true;
          return video.play();
        })
        .then(function () { form.querySelector("[data-camera-shoot]").focus(); })
        .catch(function () {
          close();
          words.textContent = words.dataset.failed;
        });
    });
    form.querySelector("[data-camera-shoot]").addEventListener("click", function () {
      if (!stream || !video.videoWidth) {
        return;
      }
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(keep, "image/jpeg", 0.92);
    });
    form.querySelector("[data-camera-close]").addEventListener("click", close);
    window.addEventListener("pagehide", close);
  }

  document.querySelectorAll("[data-photo-form]").forEach(prepare);
}());
