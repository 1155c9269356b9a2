// Browsers start no worker for a page that is opened from the disk. The search then runs in a
// hidden frame, which receives and sends messages as a worker does.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      const deliver = data => inside.dispatchEvent(new MessageEvent("message", { data }))
      this.postMessage = data => waiting.push(data)
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = inside.document.createElement("script")
      script.src = url
      script.onload = () => {
        waiting.forEach(deliver)
        this.postMessage = deliver
      }
      inside.document.body.append(script)
    }
  }
  window.Worker = window.IFrameWorker
}
