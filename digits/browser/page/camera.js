// The camera, where the browser allows it: the first press starts it, the second takes
// a picture.

export class Camera {
  // onPicture: called with the picture, a Blob.
  constructor(button, video, onPicture) {
    Object.assign(this, { button, video, onPicture });
    button.hidden = !navigator.mediaDevices?.getUserMedia;
    button.addEventListener("click", () => (video.hidden ? this.start() : this.take()));
  }

  async start() {
    const facing = { facingMode: "environment" }; // away from the user
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: facing });
    } catch {
      this.button.textContent = "No camera";
      this.button.disabled = true;
      return;
    }
    this.video.srcObject = this.stream;
    this.video.hidden = false;
    await this.video.play();
    this.button.textContent = "Take the picture";
  }

  take() {
    const canvas = document.createElement("canvas");
    canvas.width = this.video.videoWidth;
    canvas.height = this.video.videoHeight;
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    for (const track of this.stream.getTracks()) track.stop();
    this.video.hidden = true;
    this.button.textContent = "Camera";
    canvas.toBlob(this.onPicture, "image/jpeg", 0.92);
  }
}
