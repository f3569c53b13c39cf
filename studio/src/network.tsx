// Network: the layers, and what each makes of the picture on the pad.
import { useEffect, useRef } from 'preact/hooks';
import { api, bytesOf, type Activation, type Layer, type Model } from './api';
import { isEmpty, picture, useDrawing } from './drawing';
import { sheet } from './maps';
import { Lead, Trouble, useLoad } from './parts';
import { isDark, useSettings } from './settings';
import { t, whole } from './words';

export function Network({ model }: { model: Model }) {
  useSettings();
  useDrawing();
  const network = useLoad(signal => api.network(model.name, signal), [model.name, model.version]);
  const flow = useLoad(async signal => {
    const shown = await picture();
    return shown && api.activations(model.name, shown.picture, signal);
  }, [model.name, model.version]);
  const layers: (Layer | Activation)[] = flow.data ?? network.data ?? [];
  const most = Math.max(1, ...layers.map(layer => layer.parameters));
  return (
    <>
      <Lead title={t('network')} text={t('network_lead')}>
        {network.data && (
          <p class="quiet">{t('layers', { n: network.data.length, p: whole(network.data.reduce((sum, layer) => sum + layer.parameters, 0)) })}</p>
        )}
      </Lead>
      <Trouble failure={network.failure ?? flow.failure} retry={() => (network.reload(), flow.reload())} />
      {isEmpty() && (
        <p class="sentence">
          <a href="#/try">{t('network_draw')}</a>
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
            {'map' in layer && layer.shown > 0 && <Maps layer={layer} classes={model.classes} />}
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
  const labelled = !pictures && layer.shown === classes.length;
  return (
    <div class={'maps' + (pictures ? '' : ' values') + (layer.shown === 1 ? ' single' : '')}>
      <canvas ref={canvas} role="img" aria-label={t('maps', { name: layer.name, kind: layer.kind })} style={{ '--columns': columns }} />
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
