// Network: the layers, and what each makes of the drawing, text or row that Try holds.
import { useEffect, useRef } from 'preact/hooks';
import { api, bytesOf, type Activation, type Layer, type Model } from './api';
import { rowsOf, sheet } from './maps';
import { Lead, Trouble, useLoad } from './parts';
import { isDark, useSettings } from './settings';
import { subjectOf, useChanges } from './subject';
import { t, whole, type Word } from './words';

const LEADS: Record<Model['kind'], Word> = { image: 'network_lead', text: 'network_lead_text', table: 'network_lead_row', language: 'network_lead_plain' };

export function Network({ model }: { model: Model }) {
  useSettings();
  const subject = subjectOf(model);
  useChanges(subject.changes);
  const network = useLoad(signal => api.network(model.name, signal), [model.name, model.version]);
  const flow = useLoad(async signal => {
    const input = model.kind === 'language' ? null : await subject.input();
    return input && api.activations(model.name, input, signal);
  }, [model.name, model.version]);
  const layers: (Layer | Activation)[] = flow.data ?? network.data ?? [];
  const most = Math.max(1, ...layers.map(layer => layer.parameters));
  return (
    <>
      <Lead title={t('network')} text={t(LEADS[model.kind])}>
        {network.data && (
          <p class="quiet">{t('layers', { n: network.data.length, p: whole(network.data.reduce((sum, layer) => sum + layer.parameters, 0)) })}</p>
        )}
      </Lead>
      <Trouble failure={network.failure ?? flow.failure} retry={() => (network.reload(), flow.reload())} />
      {network.data && !flow.data && model.kind !== 'language' && (
        <p class="sentence">
          <a href="#/try">{t(model.kind === 'image' ? 'network_draw' : model.kind === 'text' ? 'network_write' : 'network_fill')}</a>
        </p>
      )}
      <ol class="layers">
        {layers.map(layer => (
          <li key={layer.name}>
            <div class="about">
              <b>{layer.kind === 'input' ? t('input') : layer.kind}</b>
              <span class="quiet">{layer.shape.join(' × ')}</span>
              <span class="quiet weight">
                {layer.parameters > 0 && (
                  <>
                    {t('params', { n: whole(layer.parameters) })}
                    <span class="track" aria-hidden="true">
                      <i style={{ transform: `scaleX(${layer.parameters / most})` }} />
                    </span>
                  </>
                )}
              </span>
            </div>
            {'map' in layer && layer.shown > 0 && (layer.width ? <Tokens layer={layer} /> : <Maps layer={layer} classes={model.classes} />)}
            {'tokens' in layer && <Read tokens={layer.tokens ?? []} />}
          </li>
        ))}
      </ol>
    </>
  );
}

function Maps({ layer, classes }: { layer: Activation; classes: string[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pictures = layer.shape.length === 3;
  const [height, width] = pictures ? layer.shape : [1, 1];
  const all = pictures ? layer.shape[2] : layer.shape.reduce((a, b) => a * b, 1);
  // Pictures about 50 points wide each, values about 12.
  const columns = Math.min(layer.shown, pictures ? Math.max(1, Math.min(16, Math.round(layer.shown > 8 ? 16 : layer.shown))) : layer.shown > 64 ? 64 : layer.shown);
  useEffect(() => sheet(canvas.current!, bytesOf(layer.map), layer.shown, height, width, columns, pictures ? 1 : 0), [layer, isDark()]);
  const cell = classes.every(name => [...name].length < 4) ? 44 : 104;
  const labelled = !pictures && layer.shown === classes.length && cell * classes.length < 800;
  return (
    <div
      class={'maps' + (pictures ? '' : ' values') + (layer.shown === 1 ? ' single' : '') + (labelled ? ' labelled' : '')}
      style={{ '--columns': columns, '--cell': cell + 'px' }}
    >
      <canvas ref={canvas} role="img" aria-label={t('maps', { name: layer.name, kind: layer.kind })} />
      {labelled && (
        <div class="under" aria-hidden="true">
          {classes.map(name => (
            <span>{name}</span>
          ))}
        </div>
      )}
      {layer.shown < all && <span class="quiet">{t('maps_of', { n: layer.shown, m: whole(all) })}</span>}
    </div>
  );
}

/** A row of colours a token, the words beside them where the network was given words. */
function Tokens({ layer }: { layer: Activation }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => rowsOf(canvas.current!, bytesOf(layer.map), layer.shown, layer.width!), [layer, isDark()]);
  return (
    <div class="maps tokens">
      <canvas ref={canvas} role="img" aria-label={t('maps', { name: layer.name, kind: layer.kind })} style={{ '--rows': layer.shown }} />
      {layer.shown < layer.shape[0] && <span class="quiet">{t('maps_of', { n: layer.shown, m: whole(layer.shape[0]) })}</span>}
    </div>
  );
}

/** The tokens that the network reads. */
const Read = ({ tokens }: { tokens: string[] }) => (
  <p class="read">
    {tokens.map(token => (
      <span>{token}</span>
    ))}
  </p>
);
