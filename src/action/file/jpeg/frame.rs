//! What stands before the data of a JPEG with a single scan (ITU-T T.81, annex B): size, components, their tables. Gives
//! None for what is not baseline, of eight bits and Huffman codes, with one or three components of which the first has the
//! most samples, or is in any way odd: such files are for the other decoder. Knows nothing of pixels.

use super::huffman::Table;

/// The frame, and where its data begin.
pub struct Frame {
    pub width: usize,
    pub height: usize,
    /// In the order of the scan.
    pub components: Vec<Component>,
    /// By the numbers that components give.
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    /// MCUs between two restart markers; 0 without these.
    pub restart: usize,
    pub data: usize,
}

/// A component: how many blocks of an MCU are its own, and by which tables these are coded.
pub struct Component {
    id: u8,
    /// Across and down; 1 or 2.
    pub blocks: (usize, usize),
    quantization: usize,
    /// In zigzag order.
    pub steps: [u16; 64],
    pub dc: usize,
    pub ac: usize,
}

impl Frame {
    pub fn of(bytes: &[u8]) -> Option<Frame> {
        let mut frame = Frame {
            width: 0,
            height: 0,
            components: Vec::new(),
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart: 0,
            data: 0,
        };
        let mut steps = [None; 4];
        let mut at = 2;
        loop {
            let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else { return None };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let segment = bytes.get(at + 4..at + 2 + length)?;
            at += 2 + length;
            match marker {
                0xdb => quantization_tables(segment, &mut steps)?,
                0xc0 | 0xc1 if frame.components.is_empty() => frame.header(segment)?,
                0xc4 => frame.huffman_tables(segment)?,
                0xdd => {
                    let &[high, low] = segment else { return None };
                    frame.restart = usize::from(u16::from_be_bytes([high, low]));
                }
                0xda => {
                    frame.scan(segment, &steps)?;
                    frame.data = at;
                    return Some(frame);
                }
                // Application data and comments.
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    /// Samples of the first component that an MCU has across and down.
    pub fn mcu(&self) -> (usize, usize) {
        let (across, down) = self.components[0].blocks;
        (8 * across, 8 * down)
    }

    fn header(&mut self, segment: &[u8]) -> Option<()> {
        let (&[8, a, b, c, d, count], components) = segment.split_first_chunk()? else { return None };
        self.height = usize::from(u16::from_be_bytes([a, b]));
        self.width = usize::from(u16::from_be_bytes([c, d]));
        let (components, []) = components.as_chunks::<3>() else { return None };
        if components.len() != usize::from(count) || !matches!(count, 1 | 3) || self.width == 0 || self.height == 0 {
            return None;
        }
        let component = |&[id, sampling, quantization]: &[u8; 3]| Component {
            id,
            blocks: (usize::from(sampling >> 4), usize::from(sampling & 15)),
            quantization: usize::from(quantization),
            steps: [0; 64],
            dc: 0,
            ac: 0,
        };
        self.components = components.iter().map(component).collect();
        // A component that is alone comes block by block, whatever it says.
        let (first, others) = self.components.split_first()?;
        let is_usual = match count {
            1 => first.blocks == (1, 1),
            _ => [1, 2].contains(&first.blocks.0) && [1, 2].contains(&first.blocks.1),
        };
        (is_usual && others.iter().all(|other| other.blocks == (1, 1))).then_some(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&[kind, ref counts @ ..], rest)) = segment.split_first_chunk::<17>() {
            let count = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = Some(Table::new(counts, symbols)?);
            segment = rest;
        }
        segment.is_empty().then_some(())
    }

    /// The scan has all components, in their order, and all coefficients.
    fn scan(&mut self, segment: &[u8], steps: &[Option<[u16; 64]>; 4]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        let (choices, &[0, 63, 0]) = rest.split_last_chunk()? else { return None };
        let (choices, []) = choices.as_chunks::<2>() else { return None };
        if usize::from(count) != choices.len() || choices.len() != self.components.len() {
            return None;
        }
        for (component, &[id, tables]) in self.components.iter_mut().zip(choices) {
            if id != component.id {
                return None;
            }
            component.steps = (*steps.get(component.quantization)?)?;
            (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        }
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        // Two of one name, or red, green and blue.
        let is_odd = ids == *b"RGB" || (1..ids.len()).any(|at| ids[..at].contains(&ids[at]));
        (!is_odd).then_some(())
    }
}

fn quantization_tables(mut segment: &[u8], tables: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while let Some((&kind, rest)) = segment.split_first() {
        let table = tables.get_mut(usize::from(kind & 15))?;
        segment = match kind >> 4 {
            0 => {
                let (steps, rest) = rest.split_first_chunk::<64>()?;
                *table = Some(steps.map(u16::from));
                rest
            }
            1 => {
                let (steps, rest) = rest.split_first_chunk::<128>()?;
                let (steps, _) = steps.as_chunks::<2>();
                *table = Some(std::array::from_fn(|at| u16::from_be_bytes(steps[at])));
                rest
            }
            _ => return None,
        };
    }
    Some(())
}
