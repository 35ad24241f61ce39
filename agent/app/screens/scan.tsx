/** A QR code by the camera: the browser's own detector where it has one, else a decoder of the app's. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AppContext } from "../app-context.ts";
import type { Texts } from "../language.ts";
import { Button } from "../ui.tsx";

interface Detector {
  detect(image: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type DetectorClass = (new (options: { formats: string[] }) => Detector) & {
  getSupportedFormats?: () => Promise<string[]>;
};

const LOOK_EVERY_MS = 150;
const MOST_PIXELS_WIDE = 800;

const WORDS: Texts<{ scan: string; stop: string; refused: string; view: string }> = {
  en: {
    scan: "Scan with the camera",
    stop: "Stop the camera",
    refused: "The camera cannot be used: allow it in the browser, or paste the line below the code.",
    view: "What the camera sees",
  },
  fr: {
    scan: "Scanner avec l’appareil photo",
    stop: "Arrêter l’appareil photo",
    refused: "L’appareil photo est inutilisable : autorisez-le, ou collez la ligne sous le code.",
    view: "Ce que voit l’appareil photo",
  },
};

/** `found` gets the text of the first code that it `wants`. Nothing where there is no camera. */
export function Scanner(props: {
  context: AppContext;
  wants: (text: string) => boolean;
  found: (text: string) => void;
}): VNode | null {
  const words = WORDS[props.context.language];
  const [stream, setStream] = useState<MediaStream>();
  if (navigator.mediaDevices?.getUserMedia === undefined) return null;
  const begin = async (): Promise<void> => {
    try {
      setStream(await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }));
    } catch {
      props.context.say(words.refused, "bad");
    }
  };
  if (stream === undefined) {
    return (
      <Button context={props.context} icon="camera" look="primary" act={begin}>
        {words.scan}
      </Button>
    );
  }
  return (
    <View
      stream={stream}
      label={words.view}
      stop={words.stop}
      context={props.context}
      wants={props.wants}
      ended={(text) => {
        setStream(undefined);
        if (text !== undefined) props.found(text);
      }}
    />
  );
}

interface ViewProps {
  stream: MediaStream;
  label: string;
  stop: string;
  context: AppContext;
  wants: (text: string) => boolean;
  ended: (text: string | undefined) => void;
}

function View({ stream, label, stop, context, wants, ended }: ViewProps): VNode {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current!;
    let isOver = false;
    element.srcObject = stream;
    const watch = async (): Promise<void> => {
      await element.play();
      const read = await reader();
      while (!isOver) {
        const text = await read(element);
        if (!isOver && text !== undefined && wants(text)) return ended(text);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    };
    watch().catch((error: unknown) => (isOver ? undefined : context.fail(error)));
    return () => {
      isOver = true;
      for (const track of stream.getTracks()) track.stop();
    };
  }, [stream]);
  return (
    <div class="stack">
      <video class="camera" ref={video} playsInline muted aria-label={label} />
      <Button context={context} act={() => ended(undefined)}>
        {stop}
      </Button>
    </div>
  );
}

async function reader(): Promise<(video: HTMLVideoElement) => Promise<string | undefined>> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorClass };
  const formats = (await BarcodeDetector?.getSupportedFormats?.()) ?? [];
  if (BarcodeDetector !== undefined && formats.includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video).catch(() => []))[0]?.rawValue;
  }
  const { decodeQR } = await import("qr/decode.js");
  const canvas = document.createElement("canvas");
  const drawing = canvas.getContext("2d", { willReadFrequently: true })!;
  return async (video) => {
    // Half a megapixel shows every code that a hand can hold still.
    const scale = Math.min(1, MOST_PIXELS_WIDE / video.videoWidth);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale].map(Math.round);
    if (!width || !height) return undefined;
    Object.assign(canvas, { width, height });
    drawing.drawImage(video, 0, 0, width, height);
    try {
      return decodeQR(drawing.getImageData(0, 0, width, height));
    } catch {
      return undefined; // no code in this picture
    }
  };
}
